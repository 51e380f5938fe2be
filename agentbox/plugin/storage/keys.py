"""Stores of keys: API keys, and those that sign access tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime

from agentbox.model.api_keys import ApiKey, ApiKeyFilter, ApiKeyUsage, IssuedKey, RateMark
from agentbox.model.signing_keys import SigningKey
from agentbox.plugin.storage.page import Page


class ApiKeyStore(ABC):
    """API keys, by the SHA-256 of their text."""

    @abstractmethod
    async def add(self, key: ApiKey, digest: bytes) -> None:
        """Raises `Conflict` if the id, the digest or `rotated_from` is there already."""

    @abstractmethod
    async def get(self, key_id: str) -> ApiKey | None: ...

    @abstractmethod
    async def issued(self, key_ids: Sequence[str]) -> Sequence[IssuedKey]:
        """Those of these keys that are there, with their digests and owners, in no order.

        In one statement, since each request with a key that nothing is remembered of waits for
        it. The ids may repeat.
        """

    @abstractmethod
    async def revoke(self, key_id: str, now: datetime) -> bool:
        """Revoke it in one statement; False if it was revoked already or is not there."""

    @abstractmethod
    async def replace(self, key: ApiKey) -> bool:
        """Write what may be changed of a key that is not revoked, in one statement: name,
        description, scopes, permissions, all_environments, expires_at, allowed_cidrs, rate_limit.
        """

    @abstractmethod
    async def touch(self, last_used: Mapping[str, datetime]) -> None:
        """Note last uses. Never brings back a revoked key, never moves a time backwards."""

    @abstractmethod
    async def list(self, where: ApiKeyFilter, page: Page) -> Sequence[ApiKey]:
        """Newest first by (created_at, id)."""

    @abstractmethod
    async def count(self, where: ApiKeyFilter) -> int: ...


class SigningKeyStore(ABC):
    """Keys that sign access tokens."""

    @abstractmethod
    async def add(self, key: SigningKey) -> None: ...

    @abstractmethod
    async def list(self) -> Sequence[SigningKey]:
        """All of them, oldest first."""

    @abstractmethod
    async def retire(self, key_id: str, at: datetime) -> bool:
        """Let it verify until `at`, in one statement; never longer than it was to already.

        False if it is not there, or was to stop at `at` or before.
        """

    @abstractmethod
    async def purge(self, before: datetime) -> int:
        """Delete those that verify nothing since before `before`; how many."""


class ApiKeyUsageStore(ABC):
    """How often API keys were used, hour by hour."""

    @abstractmethod
    async def add(self, uses: Mapping[tuple[str, datetime], int]) -> None:
        """Add to the counts of (key id, full hour); those of keys that are gone are dropped."""

    @abstractmethod
    async def list(self, key_id: str, start: datetime, end: datetime) -> Sequence[ApiKeyUsage]:
        """The hours with uses from `start` on and before `end`, oldest first."""

    @abstractmethod
    async def purge(self, before: datetime) -> int:
        """Delete some of the counts of earlier hours, as many as take milliseconds; how many, and 0
        once there are none."""


class ApiKeyRateStore(ABC):
    """The uses of API keys that have a rate, as far as they count for it.

    Whoever reads them to write them again has locked `rate:<key id>` first.
    """

    @abstractmethod
    async def get(self, key_id: str) -> Sequence[RateMark]:
        """The marks that were put last, in their order; none for a key that has none."""

    @abstractmethod
    async def put(self, key_id: str, marks: Sequence[RateMark]) -> bool:
        """Put one or more marks in the place of those that are there. False, and nothing is put,
        if the key is gone. Those of a key go with it."""

    @abstractmethod
    async def purge(self, before: datetime) -> int:
        """Delete the marks of some keys whose last mark is before `before`, as many as take
        milliseconds; of how many keys, and 0 once there are none."""
