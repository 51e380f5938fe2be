"""Reading the audit over HTTP, once what was refused has been written."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from tests.live import Caller, Live


async def listed(live: Live, caller: Caller, **filters: Any) -> list[dict[str, Any]]:
    """The rows that `GET /audit` gives, newest first."""
    await live.runtime.refusals.flush()
    answer = await caller.get(f"/audit?{urlencode(filters)}")
    assert answer.status == 200, answer.text
    return list(answer.body["events"])
