"""A database: how it is opened, changed and told of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from agentbox.model.jobs import Lease
from agentbox.plugin.options import NoOptions, Options
from agentbox.plugin.storage.audit import AuditStore
from agentbox.plugin.storage.environments import EnvironmentStore, GrantStore
from agentbox.plugin.storage.keys import (
    ApiKeyRateStore,
    ApiKeyStore,
    ApiKeyUsageStore,
    SigningKeyStore,
)
from agentbox.plugin.storage.people import (
    LoginFlowStore,
    PasswordResetStore,
    PasswordStore,
    SessionStore,
    UserStore,
)
from agentbox.plugin.storage.records import JobStore, MarkerStore
from agentbox.plugin.storage.throttles import ThrottleStore

if TYPE_CHECKING:
    from agentbox.plugin.findings import Finding
    from agentbox.plugin.migrations import MigrationFolder, SchemaStatus
    from agentbox.plugin.services import Services


class StorageType(Struct, frozen=True, kw_only=True):
    """What `agentbox_storage_types` returns: a backend, the URL schemes it takes, how to make one.

    `create(services)` opens nothing; `Storage.open()` does. `services.storage` and
    `services.sealer` are not there yet.
    """

    name: str
    create: Callable[[Services], Storage]
    options: type[Options] = NoOptions
    schemes: tuple[str, ...] = ()
    description: str = ""


class Change(Struct, frozen=True):
    """Something that rights depend on has changed; `kind` `all` means anything may have."""

    kind: Literal["user", "session", "api_key", "signing_key", "all"]
    id: str = ""


ALL_CHANGED = Change("all")


class Transaction(ABC):
    """One transaction: everything in it, or nothing."""

    users: UserStore
    passwords: PasswordStore
    password_resets: PasswordResetStore
    sessions: SessionStore
    login_flows: LoginFlowStore
    api_keys: ApiKeyStore
    api_key_usage: ApiKeyUsageStore
    api_key_rates: ApiKeyRateStore
    environments: EnvironmentStore
    grants: GrantStore
    signing_keys: SigningKeyStore
    throttles: ThrottleStore
    audit: AuditStore
    jobs: JobStore
    markers: MarkerStore

    @abstractmethod
    async def lock(self, name: str) -> None:
        """Be alone with `name` until the end of the transaction; the first thing in it."""

    @abstractmethod
    def changed(self, change: Change) -> None:
        """Tell every process, after the commit, that something rights depend on has changed."""


class Storage(ABC):
    """A database."""

    name: str
    """The backend's name, as in `StorageType.name`; folders of migrations are asked for by it."""

    many_processes: bool = False
    """Whether several processes may serve from one database at once, on one machine or on many.

    It takes writers of all of them at a time, and that changes of each are told to the others.
    Where not, `serve` starts one process.
    """

    default_secret_path: Path | None = None
    """Where a root secret may be made if none is configured; None refuses to start without one."""

    initial_password_path: Path | None = None
    """Where the first password is written if there is no terminal; None means the working
    directory."""

    @abstractmethod
    def open(self, *, brief: bool = False) -> AbstractAsyncContextManager[None]:
        """Connect; the schema must be there. Raises `StorageError`.

        `brief` is for commands, which are done in seconds: changes of other processes need not be
        noticed, and upkeep may wait for the server.
        """

    @abstractmethod
    def transaction(
        self, *, read_only: bool = False, single: bool = False, lease: Lease | None = None
    ) -> AbstractAsyncContextManager[Transaction]:
        """Commit at the end, roll back on any exception, cancellation included.

        The end may be awaited in another task than the beginning: what follows a commit must not
        be lost when the client has left.

        `read_only` sees one consistent state and never waits for writers. `single` says of one that
        it reads once, by one call of a store that runs one statement, so that a backend may save
        what a transaction costs; more than that may fail. With a `lease`, fails with `StorageError`
        if its fence has moved.
        """

    @abstractmethod
    async def ping(self) -> None:
        """Raises `StorageError` if the database does not answer."""

    @abstractmethod
    async def now(self) -> datetime:
        """The database's clock."""

    async def check_integrity(self) -> Sequence[str]:
        """What the database finds damaged in itself, a sentence each; nothing if it is whole.

        May read everything that is stored. Called without `open`. Raises `StorageError` if the
        database is too damaged to look. A backend that can't look finds nothing.
        """
        return ()

    def examine(self) -> Sequence[Finding]:
        """What an operator should know of this backend's files and versions, for `agentbox doctor`.

        Synchronous, called without `open`; changes nothing and raises nothing. The findings are
        about `files.…` and `versions.…`; a backend that has nothing to tell gives none.
        """
        return ()

    @abstractmethod
    def on_change(self, listener: Callable[[Change], None]) -> None:
        """Call `listener` after each commit that said `changed`, before `transaction` returns, and
        soon after such commits of other processes. It must not block."""

    @abstractmethod
    def schema_status(self, folders: Sequence[MigrationFolder]) -> SchemaStatus:
        """What is applied and what is not. Synchronous; called without `open`."""

    @abstractmethod
    def migrate(
        self, folders: Sequence[MigrationFolder], *, down_to: str | None = None
    ) -> Sequence[str]:
        """Apply all that is pending under a lock, each in one transaction with its mark; the ids.

        With `down_to`, do what `SchemaStatus.rollback` says instead: roll back everything that was
        applied after that migration, in whatever order plugins are enabled now; `""` rolls back
        all. Synchronous; called without `open`. Raises `SchemaError`, also for a schema that is
        ahead of this program or has drifted, and `StorageError`.
        """
