"""Policies: awaited before a transaction begins, and closed when they fail."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from msgspec import Struct

from agentbox.model.evidence import Identity
from agentbox.model.secret import Secret
from agentbox.model.users import User
from agentbox.plugin.authenticator import LoginContext, TokenRequest
from agentbox.plugin.options import NoOptions, Options
from agentbox.plugin.services import Services


class PolicyType(Struct, frozen=True, kw_only=True):
    """What `agentbox_policy_types` returns: a kind of policy and how to open it.

    The object inside `open(services)` is a `LoginPolicy`, a `PasswordPolicy`, a `TokenClaims`, or
    several of them. Each enabled plugin's policies all apply, in configuration order. Abilities of
    authenticators that the object has besides do not count here: those are offered by an
    `AuthenticatorType`.
    """

    name: str
    open: Callable[[Services], AbstractAsyncContextManager[object]]
    options: type[Options] = NoOptions
    description: str = ""


class LoginPolicy(ABC):
    """A last word on a login that is otherwise right."""

    @abstractmethod
    async def check_login(self, context: LoginContext, user: User, identity: Identity) -> None:
        """Return to let it pass; raise `LoginFailed` to refuse it (401, like any wrong login).

        Nothing has been written yet: a first sign-in elsewhere may be about a `user` who would be
        made or linked by it. Asked again where it turns out to be about somebody else.
        """


class PasswordContext(Struct, frozen=True, kw_only=True):
    """Whose password it will be."""

    username: str
    email: str | None = None


class PasswordPolicy(ABC):
    """A word on a new password, on every path that sets one."""

    @abstractmethod
    async def check_password(self, password: Secret, context: PasswordContext) -> Sequence[str]:
        """Faults, one sentence each, shown to the user; none if it is good enough."""


class TokenClaims(ABC):
    """Adds claims to access tokens, for those who read them offline."""

    @abstractmethod
    async def claims(self, request: TokenRequest, user: User) -> Mapping[str, str | int | bool]:
        """Claims to add. Registered names and our own can't be replaced."""
