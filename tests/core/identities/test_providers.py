"""The sites of all methods together: each by one id, and each issuer once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agentbox.core.identities.providers import providers_by_id, speaks_for
from agentbox.core.recognition.dispatch import Named
from agentbox.errors import AuthenticatorUnavailable, InvalidGrant, StartError
from agentbox.model.access.roles import Role
from agentbox.plugin.authenticator import LoginProvider
from tests.core.identities.at_sites import (
    ISSUER,
    PAGE,
    Site,
    Sites,
    add_link,
    judged,
    query_of,
    someone,
)
from tests.core.world import HERE, World, add_user


class Told(Site):
    """Has these providers."""

    def __init__(self, *providers: LoginProvider) -> None:
        super().__init__()
        self.told = providers

    @property
    def providers(self) -> Sequence[LoginProvider]:
        return self.told


def provider(id_: str, issuer: str | None = None) -> LoginProvider:
    return LoginProvider(id_, id_.title(), issuer)


def found(*methods: Sequence[LoginProvider]) -> list[str]:
    named = [Named(f"m{number}", Told(*infos)) for number, infos in enumerate(methods)]
    return list(providers_by_id(named))


@pytest.mark.parametrize("apart", [True, False], ids=["of two methods", "of one"])
def test_two_of_one_issuer_stop_the_start_and_both_are_named(apart: bool) -> None:
    first, second = provider("corp", "https://id.test"), provider("guests", "https://id.test")
    methods = ([first], [second]) if apart else ([first, second],)
    with pytest.raises(StartError, match=r"corp and guests.*https://id\.test"):
        found(*methods)


def test_issuers_are_compared_letter_by_letter() -> None:
    # as identities are: https://id.test/ is another issuer
    one = [provider("a", "https://id.test"), provider("b", "https://id.test/")]

    assert found(one, [provider("c", "https://ID.test")]) == ["a", "b", "c"]


def test_those_that_have_no_one_issuer_are_not_compared() -> None:
    assert found([provider("a"), provider("b")], [provider("c")]) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("id_", "issuer", "speaks"),
    [
        ("told", "https://id.test", True),
        ("told", "https://else.test", False),
        ("silent", "https://else.test", True),
        ("silent", "https://id.test", False),
        ("silent", "https://id.test/", True),
    ],
)
def test_nobody_speaks_for_an_issuer_that_another_told(id_: str, issuer: str, speaks: bool) -> None:
    both = {each.id: each for each in (provider("told", "https://id.test"), provider("silent"))}

    assert speaks_for(both[id_], issuer, both.values()) is speaks


async def test_a_careless_site_says_nobody_of_another_one(world: World) -> None:
    # OA-04: who is an admin by the one is nobody by the other
    boss = await add_user(world.storage, Role.SUPER_ADMIN)
    await add_link(world, boss, someone("boss"))
    forum = Site(
        judged(someone("boss", authenticator_id="forum")), ids=["forum"], tells_issuers=False
    )
    sites = Sites(world, Site(), forum)
    with pytest.raises(AuthenticatorUnavailable):
        await sites.sign_in("forum")

    assert await sites.refused() == [("anonymous", "provider_unavailable")]


@pytest.mark.parametrize("now", ["https://moved.example", None])
async def test_a_code_is_worth_nothing_once_its_issuer_is_not_its_provider_s(
    world: World, now: str | None
) -> None:
    before = Sites(world, Site(judged(someone())))
    state, browser = await before.begin(return_to=PAGE)
    code = query_of((await before.back(state, browser)).redirect)["code"]

    others = [provider("example", now), provider("other", ISSUER)]
    after = Sites(world, Told(*others))
    with pytest.raises(InvalidGrant):
        await after.redirects.exchange(code, None, HERE, browser=browser)

    assert await after.refused() == [("anonymous", "issuer_changed")]
