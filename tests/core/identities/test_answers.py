"""What a site's plugin says is judged before it counts: a session only for a sound answer."""

from __future__ import annotations

from typing import Any

import pytest

from agentbox.errors import (
    AuthenticatorUnavailable,
    InvalidGrant,
    LoginFailed,
    OutboundFailed,
)
from agentbox.model.users import UserFilter
from agentbox.plugin.authenticator import AccountPolicy, Challenge, NotMine, Verified
from agentbox.plugin.policy import LoginPolicy
from tests.core.changes.signing_in import Policy
from tests.core.identities.at_sites import (
    PAGE,
    Site,
    Sites,
    add_link,
    judged,
    query_of,
    someone,
)
from tests.core.world import HERE, World, add_user
from tests.databases.database import Database

STRANGE = {
    "nothing": None,
    "a text": "yes",
    "an identity": someone(),
    "not mine": NotMine(),
    "another step": Challenge(kind="redirect", state=b"", data={"url": "https://id.example/"}),
    "an empty one": Verified(None),  # type: ignore[arg-type]
    "another provider's": judged(someone(authenticator_id="other")),
    "one that we have": judged(someone(authenticator_id="second")),
    "another issuer's": judged(someone(issuer="https://other.example")),
    "a policy that is a text": Verified(someone(), accounts="anybody"),  # type: ignore[arg-type]
    "a policy of texts": Verified(
        someone(),
        accounts=AccountPolicy(auto_provision="no"),  # type: ignore[arg-type]
    ),
    "an exception": ValueError("something"),
}


async def nobody_is_there(world: World) -> bool:
    async with world.storage.transaction(read_only=True) as tx:
        return await tx.users.count(UserFilter()) == 0


@pytest.mark.parametrize("page", [None, PAGE])
@pytest.mark.parametrize("answer", STRANGE.values(), ids=STRANGE)
async def test_what_is_no_sound_answer_is_503_and_no_session(
    world: World, answer: Any, page: str | None
) -> None:
    sites = Sites(world, Site(answer, ids=["example", "second"]))
    with pytest.raises(AuthenticatorUnavailable):
        await sites.through(return_to=page)

    assert await nobody_is_there(world)
    assert world.counters.snapshot()["plugin_failures.m0"] == 1


CHALLENGES = {
    "another kind": Challenge(kind="totp", state=b"", data={"url": "https://id.example/"}),
    "no address": Challenge(kind="redirect", state=b""),
    "a number": Challenge(kind="redirect", state=b"", data={"url": 7}),
    "a script": Challenge(kind="redirect", state=b"", data={"url": "javascript:alert(1)"}),
    "a path": Challenge(kind="redirect", state=b"", data={"url": "/authorize"}),
    "a header": Challenge(kind="redirect", state=b"", data={"url": "https://id.example/\r\nX: y"}),
    "a fragment": Challenge(kind="redirect", state=b"", data={"url": "https://id.example/#x"}),
    "a state that is a text": Challenge(
        kind="redirect",
        state="text",  # type: ignore[arg-type]
        data={"url": "https://id.example/"},
    ),
    "verified": judged(someone()),
    "not mine": NotMine(),
    "an exception": ValueError("something"),
}


@pytest.mark.parametrize("challenge", CHALLENGES.values(), ids=CHALLENGES)
async def test_what_is_no_redirect_is_503_and_nothing_waits(
    world: World, database: Database, challenge: Any
) -> None:
    site = Site()
    site.challenge = challenge
    with pytest.raises(AuthenticatorUnavailable):
        await Sites(world, site).begin()

    assert database.run("SELECT count(*) FROM login_flows") == [(0,)]


@pytest.mark.parametrize(
    ("url", "begins"),
    [
        ("https://id.example/authorize", "https://id.example/authorize?state="),
        ("https://id.example/authorize?a=b", "https://id.example/authorize?a=b&state="),
    ],
)
async def test_the_state_is_put_into_the_address(world: World, url: str, begins: str) -> None:
    site = Site()
    site.url = url

    assert (await Sites(world, site).redirects.begin("example", HERE)).url.startswith(begins)


@pytest.mark.parametrize(
    ("reason", "kept"), [("id_token_nonce", "id_token_nonce"), ("token abr_1_x", "other")]
)
async def test_a_refusal_is_one_plain_message_and_its_reason_is_in_the_audit(
    world: World, reason: str, kept: str
) -> None:
    sites = Sites(world, Site(LoginFailed(reason)))
    with pytest.raises(InvalidGrant) as refused:
        await sites.through()

    assert refused.value.detail == "The sign-in did not succeed. Begin again."
    assert await sites.refused() == [("anonymous", kept)]


async def test_a_site_that_refuses_is_no_plugin_that_fails(world: World) -> None:
    sites = Sites(world, Site(*[LoginFailed("denied")] * 9))
    for _ in range(9):
        with pytest.raises(InvalidGrant):
            await sites.through()

    assert "plugin_failures" not in world.counters.snapshot()


@pytest.mark.parametrize("when", ["going", "coming back"])
async def test_a_site_that_does_not_answer_is_503_with_a_time_to_wait(
    world: World, when: str
) -> None:
    # OA-11
    site = Site(OutboundFailed("timeout"))
    if when == "going":
        site.challenge = OutboundFailed("timeout")
    sites = Sites(world, site)
    with pytest.raises(AuthenticatorUnavailable) as unavailable:
        await sites.through()

    assert unavailable.value.retry_after == 10
    assert await sites.refused() == [("anonymous", "provider_timeout")]


@pytest.mark.parametrize("page", [None, PAGE])
async def test_every_policy_is_asked(world: World, page: str | None) -> None:
    policies = [Policy(), Policy()]
    sites = Sites(world, Site(judged(someone())), policies=policies)
    state, browser = await sites.begin(return_to=page)
    finished = await sites.back(state, browser)
    if page is not None:
        code = query_of(finished.redirect)["code"]
        await sites.redirects.exchange(code, None, HERE, browser=browser)

    assert [policy.asked for policy in policies] == [1, 1]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (LoginFailed("policy"), InvalidGrant),
        (ValueError("broken"), AuthenticatorUnavailable),
        ("yes", AuthenticatorUnavailable),
    ],
)
async def test_a_policy_that_refuses_or_breaks_lets_nobody_in(
    world: World, answer: Any, error: type[Exception]
) -> None:
    user = await add_user(world.storage)
    linked = await add_link(world, user, someone())
    policy: LoginPolicy = Policy(answer)
    sites = Sites(world, Site(judged(someone())), policies=[policy])
    with pytest.raises(error):
        await sites.sign_in()

    async with world.storage.transaction(read_only=True) as tx:
        assert await tx.identities.find(linked.issuer, linked.subject) == linked
        assert await tx.sessions.count(user.id, world.clock.now()) == 0


async def test_providers_are_told_in_the_order_of_the_configuration(world: World) -> None:
    sites = Sites(world, Site(ids=["b", "a"]), Site(ids=["c"]))

    assert [(info.id, info.name) for info in sites.redirects.providers] == [
        ("b", "B"),
        ("a", "A"),
        ("c", "C"),
    ]


@pytest.mark.parametrize("subject", ["", "x" * 513, "é" * 257, "a\x00b", "a\ud800b"])
async def test_a_subject_that_is_none_is_refused_and_matches_no_other(
    world: World, subject: str
) -> None:
    # OA-05
    sites = Sites(world, Site(*[judged(someone(subject))] * 2))
    for _ in range(2):
        with pytest.raises(InvalidGrant):
            await sites.sign_in()

    assert await nobody_is_there(world)
    assert await sites.refused() == [("anonymous", "issuer")]  # one row for both
