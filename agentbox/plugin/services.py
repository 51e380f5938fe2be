"""What the host hands to a plugin. Authors receive these Protocols and never implement them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from agentbox.model.api_keys import IssuedKey
from agentbox.model.environments import RunningEnvironment
from agentbox.model.formats.api_key import KeyFormat

if TYPE_CHECKING:
    from agentbox.plugin.http import Outgoing
    from agentbox.plugin.metrics import Readings
    from agentbox.plugin.storage import Storage


class Clock(Protocol):
    """The database's time, carried forward by a monotonic clock."""

    def now(self) -> datetime:
        """Aware UTC, to the microsecond."""

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean anything."""


class Sealer(Protocol):
    """AES-256-GCM under the root secret, bound to a `place`: `table:column:row id`."""

    def seal(self, plaintext: bytes, *, place: str) -> bytes:
        """Ciphertext that only `open` with the same `place` reads."""

    def open(self, sealed: bytes, *, place: str) -> bytes:
        """The plaintext. Raises `StartError` if the secret or the place is another one."""


class Logger(Protocol):
    """A structured logger: an event name and values by keyword. Never pass a secret."""

    def debug(self, event: str, **values: Any) -> Any: ...
    def info(self, event: str, **values: Any) -> Any: ...
    def warning(self, event: str, **values: Any) -> Any: ...
    def error(self, event: str, **values: Any) -> Any: ...


class Services(Protocol):
    """What the host hands to a plugin's `open`, routes and jobs."""

    @property
    def clock(self) -> Clock: ...

    @property
    def storage(self) -> Storage: ...

    @property
    def sealer(self) -> Sealer: ...

    @property
    def log(self) -> Logger:
        """A logger bound to the plugin's name."""

    @property
    def options(self) -> Any:
        """The plugin's own options, of the type that its descriptors state."""

    @property
    def instance_id(self) -> str:
        """The id of the configured instance, or the plugin's name where there is none."""

    @property
    def public_url(self) -> str:
        """`[server] public_url`: what tokens name as issuer and audience."""

    @property
    def api_key_format(self) -> KeyFormat:
        """How this deployment's API keys look."""

    @property
    def outgoing(self) -> Outgoing:
        """Where a client for other servers comes from. Raises `StartError` where there is none."""

    @property
    def readings(self) -> Readings:
        """What agentbox measures of itself. Raises `StartError` where nothing is served."""

    async def issued_key(self, key_id: str) -> IssuedKey | None:
        """An API key as it is now, with its digest and its owner; None if it is not there.

        For judging credentials: those that are judged at the same time share a read, and what is
        read of the key and its owner need not be read again for the request. Raises `StorageError`.
        """

    async def running_environments(self, now: datetime) -> Sequence[RunningEnvironment]:
        """The environments that run: whose status says so, and which, if they ever reported, have
        done so or been started within `[environments] stale_after`. By id. Raises `StorageError`.
        """

    def count(self, counter: str, amount: int = 1) -> None:
        """Add to `<instance_id>.<counter>`, which a server logs with all others when it stops.

        Never make a name of what clients send: there would be no end of them. Raises `ValueError`
        where the amount is below 0, for a counter only grows.
        """

    def observe(self, timer: str, seconds: float) -> None:
        """Note that something took so long, under `<instance_id>.<timer>`; as `count`, logged when
        the server stops."""
