"""The storage contract: small stores, reached through one transaction each.

- Secrets never arrive in clear: only digests, password hashes and sealed bytes.
- Only errors of `agentbox.errors` leave a backend: `Conflict` for a name that is taken,
  `StorageError` for everything that is broken.
- Times are aware UTC to the microsecond; they are passed in and never taken here.
- Inside a transaction nothing is awaited but the transaction.

`agentbox.testing.StorageSuite` says whether a backend keeps all of this.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from agentbox.model.api_keys import ApiKey, ApiKeyFilter
from agentbox.model.audit import AuditEvent
from agentbox.model.jobs import JobState, Lease
from agentbox.model.sessions import LoginFlow, Session
from agentbox.model.signing_keys import SigningKey
from agentbox.model.users import PasswordRecord, User, UserFilter
from agentbox.plugin.options import NoOptions, Options

if TYPE_CHECKING:
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


class Page(Struct, frozen=True):
    """Which rows of a list, newest first by (created_at, id).

    `after` leaves out all rows up to and including that (created_at, id), which need not be there
    any more; `offset` counts what is left.
    """

    limit: int
    offset: int = 0
    after: tuple[datetime, str] | None = None


class UserStore(ABC):
    """Users. `username` is unique without regard to case, `email` in its canonical form."""

    @abstractmethod
    async def add(self, user: User) -> None:
        """Raises `Conflict` if the id, the username or the e-mail is taken."""

    @abstractmethod
    async def get(self, user_id: str) -> User | None: ...

    @abstractmethod
    async def by_username(self, canonical: str) -> User | None:
        """The user with this name in its canonical form."""

    @abstractmethod
    async def by_email(self, canonical: str) -> User | None:
        """The user with this e-mail in its canonical form, verified or not."""

    @abstractmethod
    async def replace(self, user: User) -> bool:
        """Write the whole record; False if the id is gone. Raises `Conflict` as `add` does."""

    @abstractmethod
    async def note_login(self, user_id: str, now: datetime) -> bool:
        """Set the last login of an active user, in one statement; False if it is not active."""

    @abstractmethod
    async def delete(self, user_id: str) -> bool:
        """Remove the user and all that hangs on it: password, sessions, API keys."""

    @abstractmethod
    async def list(self, where: UserFilter, page: Page) -> Sequence[User]:
        """Newest first by (created_at, id)."""

    @abstractmethod
    async def count(self, where: UserFilter) -> int: ...


class PasswordStore(ABC):
    """Password hashes, one a user at most."""

    @abstractmethod
    async def get(self, user_id: str) -> PasswordRecord | None: ...

    @abstractmethod
    async def put(self, record: PasswordRecord) -> None:
        """Insert or replace."""

    @abstractmethod
    async def upgrade(self, user_id: str, old_hash: str, new_hash: str) -> bool:
        """Replace the hash of an unchanged password in one statement; False if it is another."""


class SessionStore(ABC):
    """Sessions. An ended one stays, ended, until it is purged."""

    @abstractmethod
    async def add(self, session: Session) -> None: ...

    @abstractmethod
    async def get(self, session_id: str) -> Session | None: ...

    @abstractmethod
    async def end(self, session_id: str, now: datetime) -> bool:
        """End it in one statement; False if it was ended already or is not there."""

    @abstractmethod
    async def end_all(self, user_id: str, now: datetime, *, keep: str | None = None) -> int:
        """End all of a user's sessions but `keep`; how many were live."""

    @abstractmethod
    async def purge(self, before: datetime) -> int:
        """Delete those that expired before then; how many."""


class LoginFlowStore(ABC):
    """Logins that wait for another step."""

    @abstractmethod
    async def add(self, flow: LoginFlow) -> None: ...

    @abstractmethod
    async def take(self, flow_id: str, now: datetime) -> LoginFlow | None:
        """Remove it and return it, in one statement; None if it is gone or expired."""

    @abstractmethod
    async def purge(self, before: datetime) -> int: ...


class ApiKeyStore(ABC):
    """API keys, by the SHA-256 of their text."""

    @abstractmethod
    async def add(self, key: ApiKey, digest: bytes) -> None: ...

    @abstractmethod
    async def get(self, key_id: str) -> ApiKey | None: ...

    @abstractmethod
    async def digest(self, key_id: str) -> bytes | None:
        """The digest that `add` was given."""

    @abstractmethod
    async def revoke(self, key_id: str, now: datetime) -> bool:
        """Revoke it in one statement; False if it was revoked already or is not there."""

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


class AuditStore(ABC):
    """The trail: rows are added, never changed."""

    @abstractmethod
    async def add(self, event: AuditEvent) -> None: ...

    @abstractmethod
    async def last(self, limit: int) -> Sequence[AuditEvent]:
        """Those that were added last, the last first, whatever their times say."""


class JobStore(ABC):
    """One row a job; whoever moves the fence holds the job."""

    @abstractmethod
    async def ensure(self, name: str, next_due: datetime) -> None:
        """Add the row if it is not there."""

    @abstractmethod
    async def get(self, name: str) -> JobState | None: ...

    @abstractmethod
    async def claim(self, name: str, now: datetime, lease_until: datetime) -> Lease | None:
        """Take a job that is due and not leased, in one statement; None if it is neither."""

    @abstractmethod
    async def finish(self, lease: Lease, next_due: datetime) -> bool:
        """Give the lease back and say when the next run is due; False if the fence has moved."""


class MarkerStore(ABC):
    """Facts about this database that are written once."""

    @abstractmethod
    async def claim(self, name: str, value: str) -> bool:
        """Write it if it is not there, in one statement; False if it was."""

    @abstractmethod
    async def get(self, name: str) -> str | None: ...


class Transaction(ABC):
    """One transaction: everything in it, or nothing."""

    users: UserStore
    passwords: PasswordStore
    sessions: SessionStore
    login_flows: LoginFlowStore
    api_keys: ApiKeyStore
    signing_keys: SigningKeyStore
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
        self, *, read_only: bool = False, lease: Lease | None = None
    ) -> AbstractAsyncContextManager[Transaction]:
        """Commit at the end, roll back on any exception, cancellation included.

        The end may be awaited in another task than the beginning: what follows a commit must not
        be lost when the client has left.

        `read_only` sees one consistent state and never waits for writers. With a `lease`, fails
        with `StorageError` if its fence has moved.
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
