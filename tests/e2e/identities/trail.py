"""What requests leave in the audit."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

from tests.e2e.audit.reading import listed
from tests.e2e.identities.browser import Away
from tests.live import Answer, Caller, Live

_numbers = count()


class Trail:
    """Asks with request ids of its own, and reads what each request left."""

    def __init__(self, live: Live, reader: Caller) -> None:
        self._live = live
        self._reader = reader
        self.id = ""

    async def ask(
        self, method: str, path: str, caller: Caller | None = None, **more: Any
    ) -> Answer:
        """One request; with `cookie`, from the browser that has it."""
        self.id = f"sign-in-{next(_numbers)}"
        headers = {"X-Request-Id": self.id}
        if cookie := more.pop("cookie", None):
            headers["Cookie"] = cookie
        return await (caller or self._live.anonymous).request(
            method, path, headers=headers, allow_redirects=False, **more
        )

    async def back(self, away: Away, provider: str = "example", **more: Any) -> Answer:
        """The browser comes back."""
        params = {"state": away.state, "code": "code"}
        return await self.ask(
            "GET", f"/auth/{provider}/callback", params=params, **{"cookie": away.cookie, **more}
        )

    async def left(self) -> list[dict[str, Any]]:
        """Rows of the last request, in the order in which they were written."""
        rows = await listed(self._live, self._reader, limit=100)
        mine = [row for row in reversed(rows) if row.get("request_id") == self.id]
        for row in mine:
            assert row["address"] == "127.0.0.1", row
            assert row["time"], row
            assert row["result"] == ("denied" if row["event"].endswith(".refuse") else "ok"), row
        return mine

    async def refused(self) -> tuple[str, Mapping[str, Any]]:
        """Actor and details of the one refused login of the last request."""
        [row] = await self.left()
        assert row["event"] == "login.refuse"
        return row["actor"], row["details"]


def told_at(reason: str) -> dict[str, str]:
    """The details of what was refused where the tests sign in."""
    return {"reason": reason, "provider": "example"}
