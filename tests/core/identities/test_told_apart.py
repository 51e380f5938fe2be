"""Which site somebody was refused at is told, and whom a link was of can be compared."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from agentbox.errors import AuthenticatorUnavailable, InvalidGrant, LoginFailed, OutboundFailed
from tests.core.identities.at_sites import (
    NOBODY,
    PAGE,
    Site,
    Sites,
    add_link,
    judged,
    query_of,
    rows,
    someone,
)
from tests.core.world import HERE, World, add_user, signed_in

TWO = ("example", "other")
PASSWORD = "the-password-of-mine"


def at(provider: str, **fields: Any) -> Any:
    values = {"authenticator_id": provider, "issuer": f"https://{provider}.example"} | fields
    return judged(someone(**values), NOBODY)


async def refusals(sites: Sites) -> list[dict[str, Any]]:
    await sites.refused()
    return [dict(row.details) for row in rows(await sites.world.audit(), "login.refuse")]


async def test_refusals_of_two_sites_are_not_one(world: World) -> None:
    # OB-04: somebody who tries one provider hides nothing of what goes on at another
    answers = [at("example"), at("other"), at("other")]
    sites = Sites(world, Site(*answers, ids=TWO, tells_issuers=False))
    for provider in ("example", "other", "other"):
        with pytest.raises(InvalidGrant):
            await sites.sign_in(provider)

    assert await refusals(sites) == [
        {"reason": "unknown_identity", "provider": "example"},
        {"reason": "unknown_identity", "provider": "other", "count": 2},
    ]


@pytest.mark.parametrize("problem", [LoginFailed("denied"), OutboundFailed("timeout")])
async def test_what_the_site_says_is_told_with_the_site(world: World, problem: Any) -> None:
    sites = Sites(world, Site(problem, ids=TWO))
    with pytest.raises((InvalidGrant, AuthenticatorUnavailable)):
        await sites.sign_in("other")

    [told] = await refusals(sites)
    assert told["provider"] == "other"


async def test_what_the_browser_has_in_its_address_is_told_of_sites_that_there_are(
    world: World,
) -> None:
    # OB-04: else anybody writes what they like
    sites = Sites(world, Site(ids=TWO))
    for provider in ("other", "of-nobody"):
        with pytest.raises(InvalidGrant):
            await sites.back("no such state", None, provider)

    assert await refusals(sites) == [
        {"reason": "unknown_flow", "provider": "other"},
        {"reason": "unknown_flow"},
    ]


async def test_a_code_that_another_browser_has_is_told_with_the_site(world: World) -> None:
    sites = Sites(world, Site(at("other"), ids=TWO, tells_issuers=False))
    state, browser = await sites.begin("other", return_to=PAGE)
    code = query_of((await sites.back(state, browser, "other")).redirect)["code"]
    with pytest.raises(InvalidGrant):
        await sites.redirects.exchange(code, None, HERE, browser=None)
    with pytest.raises(InvalidGrant):
        await sites.redirects.exchange("no such code", None, HERE, browser=browser)

    assert await refusals(sites) == [
        {"reason": "browser", "provider": "other"},
        {"reason": "unknown_flow"},
    ]


async def test_a_link_that_is_refused_is_told_with_the_site(world: World) -> None:
    user = await add_user(world.storage, password=PASSWORD)
    await add_link(world, await add_user(world.storage), someone())
    sites = Sites(world, Site(judged(someone(), NOBODY)))
    with pytest.raises(InvalidGrant):
        await sites.link(await signed_in(world.storage, user), PASSWORD)

    assert await refusals(sites) == [{"reason": "identity_taken", "provider": "example"}]


async def test_a_password_is_refused_at_no_site(world: World) -> None:
    user = await add_user(world.storage, password=PASSWORD)
    world.refusals.login(HERE, "password", user.id)

    assert await refusals(Sites(world, Site())) == [{"reason": "password"}]


async def test_a_link_tells_whose_it_is_to_those_who_know_them(world: World) -> None:
    # The subject itself may be an address.
    user = await add_user(world.storage, password=PASSWORD)
    caller = await signed_in(world.storage, user)
    mine = someone("ada", issuer="https://id.example")
    sites = Sites(world, Site(judged(mine, NOBODY)))
    linked = await sites.link(caller, PASSWORD)
    await sites.linking.unlink(caller, HERE, linked.id)

    audit = await world.audit()
    [made], [gone] = rows(audit, "identity.link"), rows(audit, "identity.unlink")
    expected = sha256(b"https://id.example\0ada").hexdigest()[:16]
    assert made.details["subject_digest"] == gone.details["subject_digest"] == expected
    assert "ada" not in made.details.values()
