"""Opening plugins: what they are sorted into, and what stops the start."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from agentbox.config.schema import AuthenticatorBlock
from agentbox.core.start.opening import Abilities, open_abilities, plugin_scopes
from agentbox.errors import PluginError, StartError
from agentbox.model.access.route import scoped
from agentbox.plugin.authenticator import AuthenticatorType, LoginProvider
from agentbox.plugin.options import NoOptions
from agentbox.plugin.policy import LoginPolicy, PolicyType
from tests.core.changes.signing_in import Issuer
from tests.core.identities.at_sites import Site
from tests.core.recognition.chain import Answering

Open = Callable[[Any], Any]


def offering(open_one: Open, policy: Open | None = None) -> tuple[Any, Any]:
    """Settings and plugins with one authenticator, and a policy perhaps."""
    block = AuthenticatorBlock(id="mine", type="example", plugin="example", options=NoOptions())
    settings = SimpleNamespace(authenticators=(block,), plugin_options={})
    plugins = SimpleNamespace(
        authenticator_types=[("example", AuthenticatorType(name="example", open=open_one))],
        policy_types=[("example", PolicyType(name="example", open=policy))] if policy else [],
    )
    return settings, plugins


async def opened(stack: AsyncExitStack, open_one: Open, policy: Open | None = None) -> Abilities:
    settings, plugins = offering(open_one, policy)
    return await open_abilities(settings, plugins, lambda name, options: name, stack)  # type: ignore[arg-type, return-value]


@asynccontextmanager
async def good(services: Any) -> AsyncIterator[object]:
    yield Answering(None)


def inside(thing: object) -> Open:
    @asynccontextmanager
    async def open_one(services: Any) -> AsyncIterator[object]:
        yield thing

    return open_one


def raising_inside(error: BaseException) -> Open:
    @asynccontextmanager
    async def open_one(services: Any) -> AsyncIterator[object]:
        raise error
        yield

    return open_one


async def test_an_authenticator_goes_into_the_chain_under_its_id() -> None:
    async with AsyncExitStack() as stack:
        abilities = await opened(stack, good)

    assert [link.id for link in abilities.chain] == ["mine"]


async def test_what_was_opened_is_closed_with_the_stack() -> None:
    closed: list[str] = []

    @asynccontextmanager
    async def open_one(services: Any) -> AsyncIterator[object]:
        yield Answering(None)
        closed.append("closed")

    async with AsyncExitStack() as stack:
        await opened(stack, open_one)

    assert closed == ["closed"]


# PL-01
@pytest.mark.parametrize("thing", [None, "an authenticator", object(), Answering])
async def test_an_object_without_an_ability_stops_the_start(thing: object) -> None:
    async with AsyncExitStack() as stack:
        with pytest.raises(PluginError, match="mine"):
            await opened(stack, inside(thing))


# PL-01
@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(0), RecursionError()], ids=repr)
async def test_an_open_that_raises_stops_the_start_and_is_named(error: BaseException) -> None:
    async with AsyncExitStack() as stack:
        with pytest.raises(PluginError, match=r"mine.*example"):
            await opened(stack, raising_inside(error))


# PL-01
async def test_an_open_that_raises_when_called_is_no_different() -> None:
    def open_one(services: Any) -> Any:
        raise SystemExit(0)

    async with AsyncExitStack() as stack:
        with pytest.raises(PluginError, match=r"mine.*example"):
            await opened(stack, open_one)


class Both(Answering, LoginPolicy):
    """Has abilities of both kinds; the kind of its type says which of them count."""

    async def check_login(self, context: Any, user: Any, identity: Any) -> None: ...


async def test_a_policys_object_does_not_join_the_chain() -> None:
    async with AsyncExitStack() as stack:
        abilities = await opened(stack, good, inside(Both(None)))

    assert ([link.id for link in abilities.chain], len(abilities.login_policies)) == (["mine"], 1)


async def test_an_authenticators_object_is_no_policy() -> None:
    async with AsyncExitStack() as stack:
        abilities = await opened(stack, inside(Both(None)))

    assert (len(abilities.chain), abilities.login_policies) == (1, [])


async def test_a_policy_that_is_only_an_authenticator_stops_the_start() -> None:
    async with AsyncExitStack() as stack:
        with pytest.raises(PluginError, match="LoginPolicy, PasswordPolicy, TokenClaims"):
            await opened(stack, good, inside(Answering(None)))


async def test_what_a_plugin_says_about_its_start_is_told_as_it_is() -> None:
    async with AsyncExitStack() as stack:
        with pytest.raises(StartError, match=r"^set the url$"):
            await opened(stack, raising_inside(StartError("set the url")))


# PL-01
@pytest.mark.parametrize("context", [None, 1, Answering(None)])
async def test_an_open_that_gives_no_context_manager_stops_the_start(context: object) -> None:
    async with AsyncExitStack() as stack:
        with pytest.raises(PluginError, match="asynccontextmanager"):
            await opened(stack, lambda services: context)


async def test_a_policy_that_can_not_be_opened_stops_the_start() -> None:
    async with AsyncExitStack() as stack:
        with pytest.raises(PluginError, match=r"policy.*example"):
            await opened(stack, good, raising_inside(ValueError("bad")))


def test_a_plugins_scope_is_described_by_its_route() -> None:
    routes: Any = [SimpleNamespace(access=scoped("example:poke"), summary="Poke it")]

    assert [(rule.name, rule.description, rule.default) for rule in plugin_scopes(routes)] == [
        ("example:poke", "Poke it", False)
    ]


def test_a_scope_that_is_only_for_oneself_is_brought_too() -> None:
    access = scoped("example:poke", self_scope="example:poke_self")
    routes: Any = [SimpleNamespace(access=access, summary="Poke it")]

    assert [rule.name for rule in plugin_scopes(routes)] == ["example:poke", "example:poke_self"]


def test_a_scope_of_two_routes_is_described_by_the_first() -> None:
    routes: Any = [
        SimpleNamespace(access=scoped("example:poke"), summary=summary)
        for summary in ("Poke it", "Poke it again")
    ]

    assert [rule.description for rule in plugin_scopes(routes)] == ["Poke it"]


def test_a_route_with_one_of_our_scopes_brings_no_scope() -> None:
    routes: Any = [SimpleNamespace(access=scoped("users:write"), summary="Mine now")]

    assert list(plugin_scopes(routes)) == []


class SigningSite(Site, Issuer):
    """Sends people away, and mints the tokens of those who come back."""

    def __init__(self, *providers: Any) -> None:
        Site.__init__(self)
        Issuer.__init__(self)
        self.told = list(providers)

    @property
    def providers(self) -> Any:
        return self.told


def a_provider(id_: Any, name: Any = "A name") -> LoginProvider:
    return LoginProvider(id_, name)


async def opened_all(*things: object) -> Abilities:
    """Of several authenticators, `m0` and so on."""
    names = [f"m{number}" for number in range(len(things))]
    blocks = [AuthenticatorBlock(id=n, type=n, plugin=n, options=NoOptions()) for n in names]
    settings: Any = SimpleNamespace(authenticators=blocks, plugin_options={})
    plugins: Any = SimpleNamespace(
        authenticator_types=[
            (name, AuthenticatorType(name=name, open=inside(thing)))
            for name, thing in zip(names, things, strict=True)
        ],
        policy_types=[],
    )
    async with AsyncExitStack() as stack:
        services: Any = lambda name, options: name  # noqa: E731
        return await open_abilities(settings, plugins, services, stack)


async def test_providers_of_several_methods_are_opened() -> None:
    sites = SigningSite(a_provider("m0"), a_provider("corp")), SigningSite(a_provider("google"))

    assert len((await opened_all(*sites)).methods) == 2


@pytest.mark.parametrize(
    "id_",
    [
        *("login", "exchange", "identities", "local", "providers", "me", "refresh", "sessions"),
        *("", "Google", "a_b", "a/b", "a b", "1st", "-a", "a" * 33, "a\n", "..", "ä", None, 7),
    ],
)
async def test_a_provider_whose_id_can_t_stand_in_an_address_stops_the_start(id_: Any) -> None:
    with pytest.raises(StartError, match="m0"):
        await opened_all(SigningSite(a_provider(id_)))


@pytest.mark.parametrize(
    "sites",
    [
        [SigningSite(a_provider("corp"), a_provider("corp"))],
        [SigningSite(a_provider("corp")), SigningSite(a_provider("corp"))],
        [SigningSite(a_provider("m1")), SigningSite(a_provider("corp"))],
        [SigningSite(a_provider("corp")), SigningSite(a_provider("m0"))],
    ],
    ids=["twice", "of two methods", "a method's after it", "a method's before it"],
)
async def test_an_id_of_two_stops_the_start(sites: list[SigningSite]) -> None:
    with pytest.raises(StartError, match="id of another one"):
        await opened_all(*sites)


@pytest.mark.parametrize(
    "provider",
    ["google", None, a_provider("google", None), LoginProvider("google", "Google", 7)],  # type: ignore[arg-type]
)
async def test_what_is_no_provider_stops_the_start(provider: Any) -> None:
    with pytest.raises(PluginError, match="m0"):
        await opened_all(SigningSite(provider))
