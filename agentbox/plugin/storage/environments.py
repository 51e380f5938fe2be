"""Stores of environments and of grants on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from agentbox.model.access.roles import Permission
from agentbox.model.environments import (
    Environment,
    EnvironmentFilter,
    Grant,
    GrantFilter,
    SeenEnvironment,
    Standing,
)
from agentbox.plugin.storage.page import Page


class EnvironmentStore(ABC):
    """Environments."""

    @abstractmethod
    async def add(self, environment: Environment) -> None:
        """Raises `Conflict` if the id is taken, `StorageError` if there is no such user."""

    @abstractmethod
    async def get(self, environment_id: str, viewer: str) -> SeenEnvironment | None:
        """The environment, and what the user `viewer` was granted on it."""

    @abstractmethod
    async def granted(
        self, environment_ids: Sequence[str], viewer: str
    ) -> Mapping[str, Permission | None]:
        """Those of at most 1000 ids that are there, and what `viewer` was granted on each."""

    @abstractmethod
    async def standings(
        self, environment_ids: Sequence[str], viewer: str
    ) -> Mapping[str, Standing]:
        """Those of at most 1000 ids that are there, what `viewer` was granted on each, and the
        present role of its user."""

    @abstractmethod
    async def replace(self, environment: Environment) -> bool:
        """Write the whole record but for `created_at`; False if the id is gone."""

    @abstractmethod
    async def delete(self, environment_id: str) -> bool:
        """Remove it with all grants on it. API keys keep what they say of it."""

    @abstractmethod
    async def move_from(self, user_id: str) -> None:
        """Give each environment whose `user_id` this is to the longest-standing other owner.

        A viewer is passed over: nobody of that role holds owner, whatever was granted. Raises
        `StorageError` for an environment that has no other owner.
        """

    @abstractmethod
    async def list(
        self, where: EnvironmentFilter, page: Page, viewer: str
    ) -> Sequence[SeenEnvironment]:
        """Newest first by (created_at, id), each with what `viewer` was granted on it."""

    @abstractmethod
    async def count(self, where: EnvironmentFilter) -> int: ...


class GrantStore(ABC):
    """Grants: at most one for a user and an environment."""

    @abstractmethod
    async def add(self, grant: Grant) -> None:
        """Raises `Conflict` if there is one for that user and environment, `StorageError` if
        there is no such user or environment."""

    @abstractmethod
    async def get(self, user_id: str, environment_id: str) -> Grant | None: ...

    @abstractmethod
    async def replace(self, grant: Grant) -> bool:
        """Write permission, `granted_by` and `granted_at` of the one with this id."""

    @abstractmethod
    async def delete(self, user_id: str, environment_id: str) -> bool: ...

    @abstractmethod
    async def owners(self, environment_id: str) -> Sequence[str]:
        """The ids of the users who are granted owner, the longest-standing first."""

    @abstractmethod
    async def sole_owned(self, user_id: str) -> Sequence[str]:
        """The ids of the environments that this user owns and no other user but viewers."""

    @abstractmethod
    async def list(self, where: GrantFilter, page: Page) -> Sequence[Grant]:
        """Newest first by (granted_at, id)."""

    @abstractmethod
    async def count(self, where: GrantFilter) -> int: ...
