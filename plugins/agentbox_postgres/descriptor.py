"""What the kind `postgres` is called, how it is configured, how it is made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import SplitResult, parse_qs, urlsplit

from msgspec import Meta

from agentbox.plugin import MigrationFolder, Options, Services, StorageType
from agentbox.plugin.options import Secret

if TYPE_CHECKING:
    from agentbox.plugin import Storage

_NOT_ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})")

SCHEMES = ("postgresql", "postgres")


class PostgresOptions(Options, frozen=True):
    """`[plugins.postgres]`: where the database is.

    `dsn` may go through a pooler such as pgbouncer; `direct_dsn` then leads to the same database
    without it, for locks, notices and migrations.
    """

    dsn: Secret | None = None
    direct_dsn: Secret | None = None
    pool_size: Annotated[int, Meta(ge=2, le=200)] = 10

    def check(self) -> list[str]:
        """Refuses addresses that can't be meant; never shows them."""
        if self.dsn is None:
            return ["dsn is needed, such as postgresql://agentbox@db.internal/agentbox"]
        faults = [("dsn", _fault(self.dsn))]
        if self.direct_dsn is not None:
            faults.append(("direct_dsn", _fault(self.direct_dsn)))
        return [f"{field} {fault}" for field, fault in faults if fault]

    def weaknesses(self) -> list[str]:
        """A database over the network whose certificate nobody looks at."""
        return [
            f"{field} leads over the network without sslmode=verify-full: whoever is in between "
            "can read and change what goes to the database"
            for field, dsn in (("dsn", self.dsn), ("direct_dsn", self.direct_dsn))
            if dsn is not None and _fault(dsn) is None and _is_open(urlsplit(dsn.reveal()))
        ]


def _fault(dsn: Secret) -> str | None:
    try:
        parts = urlsplit(dsn.reveal())
    except ValueError:
        return "is not an address such as postgresql://user@host/database"
    # What is not encoded is told word by word by whoever can't read it, passwords too.
    if parts.netloc.count("@") > 1 or _NOT_ENCODED.search(dsn.reveal()):
        return "holds a @ or % in a name or password that is not written as %40 or %25"
    if parts.scheme not in SCHEMES:
        return "does not begin with postgresql:// or postgres://"
    if not parts.path.strip("/"):
        return "names no database after the host"
    return None


def _is_open(parts: SplitResult) -> bool:
    query = parse_qs(parts.query)
    if query.get("sslmode") == ["verify-full"]:
        return False
    given = [*query.get("host", []), parts.netloc.rpartition("@")[2]]
    hosts = [host.rpartition(":")[0] or host for text in given for host in text.split(",") if host]
    local = {"localhost", "127.0.0.1", "[::1]"}
    return any(not host.startswith("/") and host not in local for host in hosts)


def own_folders() -> Sequence[MigrationFolder]:
    """The server's own tables."""
    path = Path(str(files("agentbox_migrations") / "postgres"))
    return [MigrationFolder(plugin="postgres", path=path)]


def _create(services: Services) -> Storage:
    # asyncpg is imported when a database is opened, not when a command lists plugins.
    from agentbox_postgres.storage import PostgresStorage

    options: PostgresOptions = services.options
    assert options.dsn is not None  # noqa: S101  `check` has seen to it
    direct = options.direct_dsn
    return PostgresStorage(
        options.dsn.reveal(),
        direct_dsn=direct.reveal() if direct is not None else None,
        pool_size=options.pool_size,
        services=services,
    )


def _from_dsn(dsn: str) -> PostgresOptions:
    options = PostgresOptions(dsn=Secret(dsn))
    if faults := options.check():
        raise ValueError(faults[0])
    return options


POSTGRES_TYPE = StorageType(
    name="postgres",
    create=_create,
    options=PostgresOptions,
    schemes=SCHEMES,
    description="a Postgres database, for one process or many replicas",
    from_dsn=_from_dsn,
)
