"""Who has no password shows over HTTP that it is still the same person: by another sign-in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.core.identities.at_sites import NOBODY, Site, judged, someone
from tests.e2e.identities.browser import COOKIE, back, begun, signed_in
from tests.live import Live


@pytest.mark.parametrize("how", ["url", "login"])
@pytest.mark.parametrize(
    ("query", "fresh"),
    [("", False), ("?fresh=false", False), ("?fresh=true", True), ("?fresh=1", True)],
)
async def test_a_page_says_that_it_has_to_be_fresh(
    live: Live, site: Site, how: str, query: str, fresh: bool
) -> None:
    answer = await live.anonymous.get(f"/auth/example/{how}{query}", allow_redirects=False)

    assert answer.status == (200 if how == "url" else 302)
    assert [login.fresh for login in site.asked] == [fresh]


@pytest.mark.parametrize("how", ["url", "login"])
@pytest.mark.parametrize("text", ["", "yes", "null", "2"])
async def test_what_is_neither_true_nor_false_is_refused(
    live: Live, site: Site, how: str, text: str
) -> None:
    answer = await live.anonymous.get(
        f"/auth/example/{how}", params={"fresh": text}, allow_redirects=False
    )

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert site.asked == []


async def test_a_session_that_is_old_elsewhere_becomes_fresh_by_another_sign_in(
    live: Live, site: Site
) -> None:
    # OA-07
    now = live.runtime.clock.now()
    site.answers = [judged(someone("me", auth_time=now - timedelta(days=1)))]
    stale = live.with_token((await signed_in(live)).body["token"])
    link = "/auth/identities/other/link"
    refused = await stale.post(link)
    assert (refused.status, refused.error) == (403, "insufficient_user_authentication")
    site.answers = [judged(someone("me", auth_time=live.runtime.clock.now()), NOBODY)]

    answer = await back(live, await begun(live.anonymous, fresh="true"))

    assert answer.status == 200, answer.text
    assert (await live.with_token(answer.body["token"]).post(link)).status == 200


@pytest.mark.parametrize("age", [None, timedelta(days=1), timedelta(seconds=61)])
async def test_a_site_that_asked_nobody_makes_no_session(
    live: Live, site: Site, age: timedelta | None
) -> None:
    # OA-07
    at = None if age is None else live.runtime.clock.now() - age
    site.answers = [judged(someone("me", auth_time=at))]
    answer = await back(live, await begun(live.anonymous, fresh="true"))

    assert (answer.status, answer.error) == (401, "invalid_grant")
    assert answer.body["detail"] == "The sign-in did not succeed. Begin again."
    assert COOKIE not in answer.headers.get("Set-Cookie", "")
