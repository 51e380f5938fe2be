"""What the kinds of this plugin are called, how they are configured, how they are opened."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from msgspec import Meta

from agentbox.plugin import AuthenticatorType, Options, PolicyType, Services

# SP 800-63B-4 section 3.1.1.2 asks for 15 characters; we take 8 where the estimate is this high.
_STRONG = 3
_LONG = 15


class PasswordOptions(Options, frozen=True):
    """`[plugins.password]`. The hash parameters have OWASP's minimum as default and floor.

    At most `threads` hashes run at a time (as many as cores, if not given), each with
    `memory_kib`; `queue` more may wait, and beyond them the answer is 503.
    """

    memory_kib: Annotated[int, Meta(ge=19_456, le=4_194_304)] = 19_456
    iterations: Annotated[int, Meta(ge=2, le=100)] = 2
    parallelism: Annotated[int, Meta(ge=1, le=16)] = 1
    threads: Annotated[int, Meta(ge=1, le=256)] | None = None
    queue: Annotated[int, Meta(ge=0, le=10_000)] = 32
    minimum_length: Annotated[int, Meta(ge=8, le=256)] = 8
    strength: Annotated[int, Meta(ge=0, le=4)] = 3

    def weaknesses(self) -> list[str]:
        """An estimate that is off or lenient, and passwords too short to do without one."""
        found = []
        if self.strength < _STRONG:
            found.append(f"strength {self.strength} takes passwords that are easy to guess.")
            if self.minimum_length < _LONG:
                found.append(
                    f"minimum_length {self.minimum_length} is short where strength is below "
                    f"{_STRONG}; ask for {_LONG} characters."
                )
        return found


@asynccontextmanager
async def _open_authenticator(services: Services) -> AsyncIterator[object]:
    from agentbox_password.argon2id import Argon2id
    from agentbox_password.authenticator import LocalPasswords
    from agentbox_password.memory import memory_return
    from agentbox_password.pool import BoundedPool

    options: PasswordOptions = services.options
    argon2id = Argon2id(
        memory_kib=options.memory_kib,
        iterations=options.iterations,
        parallelism=options.parallelism,
    )
    async with BoundedPool(
        "password-hash",
        options.threads or _cores(),
        options.queue,
        after_quiet=memory_return(),
    ) as pool:
        yield LocalPasswords(services, argon2id, pool)


@asynccontextmanager
async def _open_policy(services: Services) -> AsyncIterator[object]:
    from agentbox_password.policy import StrengthPolicy
    from agentbox_password.pool import BoundedPool

    options: PasswordOptions = services.options
    # One thread: the estimator is pure Python and keeps state in a global.
    async with BoundedPool("password-strength", 1, options.queue) as pool:
        yield StrengthPolicy(options.minimum_length, options.strength, pool)


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


PASSWORD_TYPE = AuthenticatorType(
    name="password",
    open=_open_authenticator,
    options=PasswordOptions,
    description="Usernames (or verified e-mail addresses) and passwords, hashed with argon2id.",
)

STRENGTH_TYPE = PolicyType(
    name="password",
    open=_open_policy,
    options=PasswordOptions,
    description="New passwords: long enough, not common, not easy to guess.",
)
