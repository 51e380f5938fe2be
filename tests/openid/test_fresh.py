"""A fresh sign-in: the person is asked for anew there, and what is said of when is signed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agentbox.model.evidence import Identity
from agentbox.model.principal import Origin
from agentbox.plugin.authenticator import (
    Challenge,
    LoginContext,
    LoginMethod,
    RedirectLogin,
    Verified,
)
from agentbox_oidc.options import GOOGLE_ISSUER
from tests.live import ADMIN_PASSWORD
from tests.openid.browser import parameters
from tests.openid.fake_provider import fake_provider
from tests.openid.named import GOOGLE_HOSTS, certified, served
from tests.openid.scene import Scene
from tests.openid.test_google_signing_in import ADDRESSES, signing_in


class Judged(NamedTuple):
    """What the browser was sent away with, what came of it, and when it was judged."""

    sent: dict[str, str]
    identity: Identity
    now: datetime


async def judged(scene: Scene, *, fresh: bool) -> Judged:
    """A sign-in as the core has the plugin do it."""
    provider = scene.provider.id
    method: LoginMethod = next(
        named.opened
        for named in scene.live.runtime.abilities.methods
        if provider in {info.id for info in getattr(named.opened, "providers", [])}
    )
    now = scene.clock.now()
    context = LoginContext(now=now, origin=Origin(address="127.0.0.1", request_id="r"))
    challenge = await method.begin(context, RedirectLogin(provider, fresh=fresh))
    assert isinstance(challenge, Challenge)
    url = f"{challenge.data['url']}&state=s"
    data = parameters(await scene.browser().visit(url))
    data.pop("state")
    answer = await method.advance(context, challenge.state, data)
    assert isinstance(answer, Verified)
    return Judged(parameters(url), answer.identity, now)


async def test_who_is_wanted_fresh_is_asked_for_anew(scene: Scene) -> None:
    plain, fresh = await judged(scene, fresh=False), await judged(scene, fresh=True)

    assert (plain.sent.get("max_age"), plain.sent.get("prompt")) == ("2592000", None)
    assert (fresh.sent["max_age"], fresh.sent["prompt"]) == ("0", "login")
    # Asked how long ago, it has to say when (OpenID Connect Core section 2).
    for each in (plain, fresh):
        assert each.identity.auth_time is not None
        assert abs(each.identity.auth_time - each.now) < timedelta(seconds=5)


@pytest.mark.parametrize("said", [..., None, "now", True, 1.5, -1, []], ids=str)
async def test_a_provider_that_does_not_say_when_has_not_said_now(scene: Scene, said: Any) -> None:
    scene.provider.claims = {"auth_time": said}

    assert (await judged(scene, fresh=True)).identity.auth_time is None


@pytest.mark.parametrize("ahead", [90, 86_400, 2**40, 2**62], ids=str)
async def test_a_time_that_is_yet_to_come_is_not_now(scene: Scene, ahead: int) -> None:
    # OA-07: each sign-in would be a fresh one
    scene.provider.claims = {"auth_time": scene.provider.now() + ahead}

    assert (await judged(scene, fresh=True)).identity.auth_time is None


async def test_a_clock_that_is_ahead_by_a_little_says_now(scene: Scene) -> None:
    scene.provider.claims = {"auth_time": scene.provider.now() + 50}
    found = await judged(scene, fresh=True)

    assert found.identity.auth_time == found.now.replace(microsecond=0)


async def test_a_provider_that_asks_nobody_says_when_it_did(scene: Scene) -> None:
    before = scene.provider.now() - 3600
    scene.provider.claims = {"auth_time": before}

    found = (await judged(scene, fresh=True)).identity.auth_time
    assert found == datetime.fromtimestamp(before, UTC)


async def test_only_what_is_signed_says_when(scene: Scene) -> None:
    scene.provider.claims = {"auth_time": ..., "email": ..., "email_verified": ...}
    scene.provider.userinfo = {"auth_time": scene.provider.now()}

    assert (await judged(scene, fresh=True)).identity.auth_time is None


async def test_google_has_the_person_choose_and_when_is_when_it_answered(folder: Path) -> None:
    tls = served(certified(GOOGLE_HOSTS))
    async with fake_provider("google", issuer=GOOGLE_ISSUER, tls=tls) as google:
        google.metadata = ADDRESSES
        async with signing_in(folder, google) as scene:
            plain, fresh = await judged(scene, fresh=False), await judged(scene, fresh=True)

    # It knows neither max_age nor the prompt `login`, and refuses what it does not know.
    assert (plain.sent.get("max_age"), plain.sent.get("prompt")) == (None, None)
    assert (fresh.sent.get("max_age"), fresh.sent["prompt"]) == (None, "select_account")
    assert plain.identity.auth_time is None
    assert fresh.identity.auth_time == fresh.now


async def test_a_fresh_sign_in_counts_if_the_person_was_asked_for_anew(scene: Scene) -> None:
    assert (await scene.browser().sign_in("fake", fresh="true")).status == 200

    for auth_time in (..., scene.provider.now() - 3600, "now"):
        scene.provider.claims = {"auth_time": auth_time}
        answer = await scene.browser().sign_in("fake", fresh="true")
        assert (answer.status, answer.error) == (401, "invalid_grant")
        assert (await scene.sign_in()).status == 200
    assert await scene.refusals() == ["not_fresh"] * 3


PASSWORD = {"new_password": "granite-violet-harbour-93"}


@pytest.mark.parametrize("ago", [None, 3600, 40 * 86_400], ids=["nobody knows", "hour", "40 days"])
async def test_who_was_waved_through_changes_nothing_that_wants_a_fresh_sign_in(
    scene: Scene, ago: int | None
) -> None:
    # OA-07: a session elsewhere is not the person
    at = ... if ago is None else scene.provider.now() - ago
    scene.provider.claims = {"auth_time": at}
    caller = scene.live.with_token((await scene.sign_in()).body["token"])
    refused = await caller.post("/auth/change-password", PASSWORD)
    assert (refused.status, refused.error) == (403, "insufficient_user_authentication")
    told = datetime.fromisoformat((await caller.get("/auth/me")).body["auth"]["auth_time"])
    latest = scene.clock.now() - timedelta(seconds=ago or 30 * 86_400)
    assert abs(told - latest) < timedelta(seconds=30)

    scene.provider.straighten()
    fresh = await scene.browser().sign_in("fake", fresh="true")
    caller = scene.live.with_token(fresh.body["token"])
    assert (await caller.post("/auth/change-password", PASSWORD)).status == 204


async def test_who_signed_in_there_days_ago_in_milliseconds_is_not_fresh(scene: Scene) -> None:
    # OA-07
    scene.provider.claims = {"auth_time": (scene.provider.now() - 3 * 86_400) * 1000}
    caller = scene.live.with_token((await scene.sign_in()).body["token"])
    refused = await caller.post("/auth/change-password", PASSWORD)
    assert (refused.status, refused.error) == (403, "insufficient_user_authentication")

    anew = await scene.browser().sign_in("fake", fresh="true")
    assert (anew.status, await scene.refusals()) == (401, ["not_fresh"])


async def test_who_gave_the_password_there_just_now_is_fresh_here(scene: Scene) -> None:
    caller = scene.live.with_token((await scene.sign_in()).body["token"])

    assert (await caller.post("/auth/change-password", PASSWORD)).status == 204


async def test_at_google_only_who_chose_the_account_is_fresh(folder: Path) -> None:
    tls = served(certified(GOOGLE_HOSTS))
    async with fake_provider("google", issuer=GOOGLE_ISSUER, tls=tls) as google:
        google.metadata = ADDRESSES
        async with signing_in(folder, google, auto_provision=True) as scene:
            statuses = []
            for query in ({}, {"fresh": "true"}):
                signed_in = await scene.browser().sign_in("google", **query)
                caller = scene.live.with_token(signed_in.body["token"])
                statuses.append((await caller.post("/auth/change-password", PASSWORD)).status)

    assert statuses == [403, 204]


@pytest.mark.parametrize(("ago", "status"), [(None, 204), (0, 204), (3600, 401)])
async def test_nobody_is_linked_by_passing_through(
    scene: Scene, ago: int | None, status: int
) -> None:
    # OA-07: but where nobody says when, nobody can tell
    scene.provider.claims = {"auth_time": ... if ago is None else scene.provider.now() - ago}
    body = {"current_password": ADMIN_PASSWORD}
    browser = scene.browser()
    begun = await scene.admin.post("/auth/identities/fake/link", body)
    browser.cookie = begun.headers["Set-Cookie"].partition(";")[0].partition("=")[2]
    query = parameters(begun.body["url"])
    assert (query["max_age"], query["prompt"]) == ("0", "login")
    answer = await browser.ask("GET", await browser.visit(begun.body["url"]))

    assert answer.status == status
    assert await scene.refusals() == ([] if status == 204 else ["not_fresh"])
