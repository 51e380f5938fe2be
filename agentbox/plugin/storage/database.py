"""A database: how it is opened, changed and told of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from agentbox.errors import StorageError
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
from agentbox.plugin.storage.metrics import MetricStore, ReportStore
from agentbox.plugin.storage.people import (
    IdentityStore,
    LoginFlowStore,
    PasswordResetStore,
    PasswordStore,
    SessionStore,
    UserStore,
)
from agentbox.plugin.storage.records import JobStore, MarkerStore
from agentbox.plugin.storage.tables import Tables, WritableTables
from agentbox.plugin.storage.throttles import ThrottleStore

if TYPE_CHECKING:
    from agentbox.plugin.findings import Finding
    from agentbox.plugin.migrations import MigrationFolder, SchemaStatus
    from agentbox.plugin.services import Services


class StorageType(Struct, frozen=True, kw_only=True):
    """What `agentbox_storage_types` returns: a backend, the URL schemes it takes, how to make one.

    `create(services)` opens nothing; `Storage.open()` does. `services.storage` and
    `services.sealer` are not there yet. `from_dsn` makes the options for a DSN with one of
    `schemes`, for `agentbox storage copy --to`; it raises ValueError with a sentence that does not
    repeat the DSN.
    """

    name: str
    create: Callable[[Services], Storage]
    options: type[Options] = NoOptions
    schemes: tuple[str, ...] = ()
    description: str = ""
    from_dsn: Callable[[str], Options] | None = None


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
    identities: IdentityStore
    sessions: SessionStore
    login_flows: LoginFlowStore
    api_keys: ApiKeyStore
    api_key_usage: ApiKeyUsageStore
    api_key_rates: ApiKeyRateStore
    environments: EnvironmentStore
    grants: GrantStore
    reports: ReportStore
    metrics: MetricStore
    signing_keys: SigningKeyStore
    throttles: ThrottleStore
    audit: AuditStore
    jobs: JobStore
    markers: MarkerStore

    @abstractmethod
    async def lock(self, name: str) -> None:
        """Be alone with `name` until the end of the transaction; the first thing in it."""

    async def delete_older(self, table: str, column: str, before: datetime, limit: int) -> int:
        """Delete rows of a plugin's table whose time in `column` is before `before`, the oldest
        `limit` of them and those of the same time as the last; how many.

        Names are lower-case letters, digits and `_`. Raises `StorageError`, also where a backend
        can't.
        """
        raise StorageError("This storage deletes no rows of plugins' tables.")

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

    backup_advice: str = "Back it up with the tools of its own."
    """What `backup` and `restore` tell the operator where a backend has none of ours."""

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

    def examine(self, *, connect: bool) -> Sequence[Finding]:
        """What an operator should know of this backend's files, versions and server.

        Synchronous, called without `open`; changes nothing and raises nothing. `connect` is true
        for `agentbox doctor`, and false for `agentbox check`, which asks no server. The findings
        are about `files.…`, `versions.…` and `database.…`; a backend that has nothing to tell, or
        can't reach its server, gives none.
        """
        return ()

    def backup(self, destination: Path, *, replace: bool = False) -> None:
        """Write one moment of the database to a new file, whole or not at all, mode 0600.

        Synchronous; called without `open`, also beside a server that writes. `replace` allows a
        file to be there. Raises `StorageError`: for a database that is not there or is damaged,
        and always, with `backup_advice`, where a backend has no backups of ours.
        """
        raise StorageError(f"The storage {self.name} makes no such backups. {self.backup_advice}")

    def restore(
        self,
        source: Path,
        folders: Sequence[MigrationFolder],
        *,
        at: datetime,
        accept: Callable[[str | None], None],
    ) -> Path | None:
        """Put what `backup` wrote in the database's place; where the replaced one is now, if any.

        Synchronous; called without `open`. The replaced database is kept, under a name that bears
        `at`. `accept` is called with the marker `root_secret` of the backup, None if it has none,
        before anything is replaced, and raises to refuse it. Raises `StorageError` if anybody has
        the database open, if the backup is damaged or no database of agentbox, and as `backup`
        where there are none; `SchemaError` if it is ahead of this program.
        """
        raise StorageError(f"The storage {self.name} restores no backups. {self.backup_advice}")

    def tables(self) -> AbstractAsyncContextManager[Tables]:
        """Read all tables as they are, in one consistent state, beside whoever writes.

        Called without `open`. Raises `StorageError`, also where a backend can't be copied.
        """
        raise StorageError(f"The storage {self.name} can't be copied.")

    def writable_tables(self) -> AbstractAsyncContextManager[WritableTables]:
        """Write all tables as they are: commits at the end, rolls back on any exception.

        Called without `open`; the schema must be there. Raises `StorageError`, also where a
        backend can't be copied to.
        """
        raise StorageError(f"The storage {self.name} can't be copied to.")

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
