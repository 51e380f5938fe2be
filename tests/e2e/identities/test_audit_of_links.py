"""Who wanted to link is named in the audit, also where it is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from agentbox.errors import OutboundFailed
from tests.core.identities.at_sites import Site, judged, someone
from tests.e2e.identities.browser import away_by
from tests.e2e.identities.test_audit import LINK, PASSWORD, REFUSED, STRANGER
from tests.e2e.identities.trail import Trail, told_at
from tests.e2e.people import People
from tests.live import Live

LONG_AGO = judged(someone("stranger", auth_time=datetime(2026, 1, 1, tzinfo=UTC)))
REFUSED_LINKS = {
    **{how: (answer, reason) for how, (answer, reason) in REFUSED.items() if answer != STRANGER},
    "for being from before": (LONG_AGO, "not_fresh"),
}


@pytest.mark.parametrize(("answer", "reason"), REFUSED_LINKS.values(), ids=REFUSED_LINKS)
async def test_a_link_that_is_refused_names_who_asked(
    live: Live, site: Site, people: People, trail: Trail, answer: Any, reason: str
) -> None:
    # OB-04
    site.answers = [answer]
    away = away_by(await trail.ask("POST", LINK, people.user.caller, json=PASSWORD))
    assert (await trail.back(away)).status in {401, 503}

    assert await trail.refused() == (f"user:{people.user.id}", told_at(reason))


async def test_a_link_is_refused_to_who_asked_and_to_nobody_else(
    live: Live, site: Site, people: People, trail: Trail
) -> None:
    # OB-04
    away = away_by(await trail.ask("POST", LINK, people.user.caller, json=PASSWORD))
    await trail.back(away, cookie=None)
    assert await trail.refused() == ("anonymous", told_at("browser"))
    await trail.back(away, "other")
    who = f"user:{people.user.id}"
    assert await trail.refused() == (who, {"reason": "provider", "provider": "other"})
    site.challenge = OutboundFailed("connection")
    await trail.ask("POST", LINK, people.user.caller, json=PASSWORD)
    row = (await trail.left())[-1]
    assert (row["actor"], row["details"]) == (who, told_at("provider_connection"))
