"""Opens what the plugins offer and sorts the objects by what they can do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from agentbox.config.schema import Settings
from agentbox.core.recognition.dispatch import Named, enter
from agentbox.core.recognition.recognition import ChainLink
from agentbox.errors import PluginError, StartError
from agentbox.loader import Plugins
from agentbox.model.access.scopes import ScopeRule, is_plugin_scope
from agentbox.model.formats.provider_id import RESERVED, is_provider_id
from agentbox.plugin.authenticator import (
    LoginMethod,
    LoginProvider,
    PasswordHasher,
    RedirectAuthenticator,
    RequestAuthenticator,
    TokenIssuer,
)
from agentbox.plugin.options import NoOptions, Options
from agentbox.plugin.policy import LoginPolicy, PasswordPolicy, TokenClaims
from agentbox.plugin.routes import Route
from agentbox.plugin.services import Services

T = TypeVar("T")

ServicesFor = Callable[[str, Options], Services]
"""The services of an instance, by its id and options."""

OF_AUTHENTICATORS = (RequestAuthenticator, LoginMethod, PasswordHasher, TokenIssuer)
OF_POLICIES = (LoginPolicy, PasswordPolicy, TokenClaims)


@dataclass(slots=True)
class Abilities:
    """The opened objects, in configuration order, by what they can do."""

    chain: list[ChainLink] = field(default_factory=list)
    methods: list[Named[LoginMethod]] = field(default_factory=list)
    hasher: Named[PasswordHasher] | None = None
    issuer: Named[TokenIssuer] | None = None
    issuers: list[TokenIssuer] = field(default_factory=list)
    login_policies: list[Named[LoginPolicy]] = field(default_factory=list)
    password_policies: list[Named[PasswordPolicy]] = field(default_factory=list)
    claims: list[Named[TokenClaims]] = field(default_factory=list)

    def take_authenticator(self, instance_id: str, opened: object) -> None:
        """Sort in what an authenticator's type opened, by the abilities of authenticators alone.

        The first hasher and the first issuer are the ones used.
        """
        _require(instance_id, opened, OF_AUTHENTICATORS)
        if isinstance(opened, RequestAuthenticator):
            self.chain.append(ChainLink(instance_id, opened))
        if isinstance(opened, LoginMethod):
            self.methods.append(Named(instance_id, opened))
        if isinstance(opened, TokenIssuer):
            self.issuers.append(opened)
            self.issuer = self.issuer or Named(instance_id, opened)
        if isinstance(opened, PasswordHasher):
            self.hasher = self.hasher or Named(instance_id, opened)

    def take_policy(self, instance_id: str, opened: object) -> None:
        """Sort in what a policy's type opened; it judges no credential, whatever else it can."""
        _require(instance_id, opened, OF_POLICIES)
        if isinstance(opened, LoginPolicy):
            self.login_policies.append(Named(instance_id, opened))
        if isinstance(opened, PasswordPolicy):
            self.password_policies.append(Named(instance_id, opened))
        if isinstance(opened, TokenClaims):
            self.claims.append(Named(instance_id, opened))

    def check(self) -> None:
        """Raises `StartError` for a set of plugins that can't work together."""
        if self.methods and self.issuer is None:
            raise StartError(
                f"{self.methods[0].id} signs people in, but no enabled plugin mints access tokens. "
                'Add "jwt" to [plugins] enabled.'
            )
        _check_providers(self.methods)


def _check_providers(methods: Iterable[Named[LoginMethod]]) -> None:
    """Every provider has an id of its own, which is no other method's: sessions tell by it how they
    began, and addresses whom they lead to."""
    taken = {named.id: named.id for named in methods}
    for named in methods:
        seen: set[str] = set()
        for info in _providers_of(named):
            if taken.setdefault(info.id, named.id) != named.id or info.id in seen:
                raise StartError(
                    f"{named.id}: the provider {info.id!r} has the id of another one. "
                    "Give each provider and each authenticator an id of its own."
                )
            seen.add(info.id)


def _providers_of(named: Named[LoginMethod]) -> Iterator[LoginProvider]:
    if not isinstance(named.opened, RedirectAuthenticator):
        return
    for info in named.opened.providers:
        if not _is_sound(info):
            raise PluginError(f"{named.id}: {type(info).__name__} is no LoginProvider. Give those.")
        if not isinstance(info.id, str) or not is_provider_id(info.id):
            raise StartError(
                f"{named.id}: {info.id!r} is no id of a provider. Use 1 to 32 of a-z 0-9 -, the "
                f"first a letter, and none of {', '.join(sorted(RESERVED))}."
            )
        yield info


def _is_sound(info: object) -> bool:
    return (
        isinstance(info, LoginProvider)
        and isinstance(info.name, str)
        and isinstance(info.issuer, str | None)
    )


def _require(instance_id: str, opened: object, abilities: tuple[type, ...]) -> None:
    """Raises `PluginError` for an object with none of the abilities that its type is there for."""
    if not isinstance(opened, abilities):
        raise PluginError(
            f"{instance_id}: open() gave {type(opened).__name__}, which has none of the "
            f"abilities {', '.join(ability.__name__ for ability in abilities)}. "
            "Derive it from one of them."
        )


async def open_abilities(
    settings: Settings, plugins: Plugins, services_for: ServicesFor, stack: AsyncExitStack
) -> Abilities:
    """Open every configured authenticator, then every enabled policy; closed with the stack.

    Raises `PluginError` naming the instance, and what a plugin's `open` raises as `StartError`.
    """
    abilities = Abilities()
    types = {kind.name: kind for _, kind in plugins.authenticator_types}
    for block in settings.authenticators:
        services = services_for(block.id, block.options)
        make = partial(types[block.type].open, services)
        what = f"The authenticator {block.id!r} of plugin {block.plugin!r}"
        abilities.take_authenticator(block.id, await enter(stack, make, what))
    for plugin, kind in plugins.policy_types:
        options = settings.plugin_options.get(plugin, NoOptions())
        make = partial(kind.open, services_for(plugin, options))
        what = f"The policy {kind.name!r} of plugin {plugin!r}"
        abilities.take_policy(kind.name, await enter(stack, make, what))
    abilities.check()
    return abilities


def plugin_scopes(routes: Iterable[Route]) -> Iterator[ScopeRule]:
    """The scopes that plugins' routes bring, never given by default.

    Each is described by the first route that asks for it; its lowest role is that of all of them,
    as the loader saw to.
    """
    seen: set[str] = set()
    for route in routes:
        for scope in filter(is_plugin_scope, route.access.scopes):
            if scope not in seen:
                seen.add(scope)
                yield ScopeRule(scope, route.summary, route.access.min_role)
