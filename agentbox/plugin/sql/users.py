"""Users, their password hashes, and their sign-ins elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from agentbox.model.access.roles import Role
from agentbox.model.users import (
    LinkedBy,
    LinkedIdentity,
    PasswordRecord,
    PasswordReset,
    Status,
    User,
    UserFilter,
)
from agentbox.plugin.sql.conditions import Conditions, contains
from agentbox.plugin.sql.driver import PURGED_AT_ONCE, Connection, Row, Value, optional_instant
from agentbox.plugin.storage import (
    IdentityStore,
    Page,
    PasswordResetStore,
    PasswordStore,
    UserStore,
)

COLUMNS = (
    "id, username, email, email_verified, role, status, password_change_required,"
    " created_at, updated_at, last_login, organization_id"
)
OF_USERS = ", ".join(f"users.{column}" for column in COLUMNS.split(", "))
"""The same beside another table."""

INSERT = (
    f"INSERT INTO users ({COLUMNS}, username_key)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
)
UPDATE = (
    "UPDATE users SET username = $2, email = $3, email_verified = $4, role = $5, status = $6,"
    " password_change_required = $7, created_at = $8, updated_at = $9, last_login = $10,"
    " organization_id = $11, username_key = $12 WHERE id = $1 RETURNING id"
)
NOTE_LOGIN = "UPDATE users SET last_login = $2 WHERE id = $1 AND status = 'active' RETURNING id"
DELETE = "DELETE FROM users WHERE id = $1 RETURNING id"
SELECT_BY_ID = f"SELECT {COLUMNS} FROM users WHERE id = $1"
SELECT_BY_USERNAME = f"SELECT {COLUMNS} FROM users WHERE username_key = $1"
SELECT_BY_EMAIL = f"SELECT {COLUMNS} FROM users WHERE email = $1"

# The page is cut from an index that holds all that is asked for; only its rows are read whole.
LIST = f"SELECT {COLUMNS} FROM users WHERE id IN (SELECT id FROM users"
LIST_ORDER = " ORDER BY created_at DESC, id DESC"
COUNT = "SELECT count(*) FROM users"
COMES_AFTER = "(created_at, id) < ({0}, {1})"
HAS_ROLE = "role = {}"
HAS_STATUS = "status = {}"
# The same, but never by the index of that column alone, which lacks what else is asked for.
ALSO_ROLE = "coalesce(role, '') = {}"
ALSO_STATUS = "coalesce(status, '') = {}"
HAS_TEXT = r"(username_key LIKE {} ESCAPE '\' OR email LIKE {} ESCAPE '\')"

SELECT_HASH = "SELECT user_id, password_hash, updated_at FROM passwords WHERE user_id = $1"
PUT_HASH = (
    "INSERT INTO passwords (user_id, password_hash, updated_at) VALUES ($1, $2, $3)"
    " ON CONFLICT (user_id) DO UPDATE"
    " SET password_hash = excluded.password_hash, updated_at = excluded.updated_at"
)
UPGRADE_HASH = (
    "UPDATE passwords SET password_hash = $3 WHERE user_id = $1 AND password_hash = $2"
    " RETURNING user_id"
)
DELETE_HASH = "DELETE FROM passwords WHERE user_id = $1 RETURNING user_id"

RESET_COLUMNS = "user_id, digest, created_at, expires_at"
PUT_RESET = (
    f"INSERT INTO password_resets ({RESET_COLUMNS}) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (user_id) DO UPDATE SET digest = excluded.digest,"
    " created_at = excluded.created_at, expires_at = excluded.expires_at"
)
SELECT_RESET = f"SELECT {RESET_COLUMNS} FROM password_resets WHERE user_id = $1"
TAKE_RESET = (
    "DELETE FROM password_resets WHERE user_id = $1 AND digest = $2 AND expires_at > $3"
    " RETURNING user_id"
)
DELETE_RESET = "DELETE FROM password_resets WHERE user_id = $1 RETURNING user_id"
PURGE_RESETS = (
    "DELETE FROM password_resets WHERE user_id IN"
    " (SELECT user_id FROM password_resets WHERE expires_at < $1"
    f" ORDER BY expires_at LIMIT {PURGED_AT_ONCE})"
    " RETURNING user_id"
)

IDENTITY_COLUMNS = "id, user_id, issuer, subject, provider, email, linked_by, linked_at, last_used"
INSERT_IDENTITY = (
    f"INSERT INTO identities ({IDENTITY_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
)
FIND_IDENTITY = f"SELECT {IDENTITY_COLUMNS} FROM identities WHERE issuer = $1 AND subject = $2"
IDENTITIES_OF = (
    f"SELECT {IDENTITY_COLUMNS} FROM identities WHERE user_id = $1 ORDER BY linked_at, id"
)
USE_IDENTITY = "UPDATE identities SET email = $2, last_used = $3 WHERE id = $1 RETURNING id"
UNLINK_IDENTITY = "DELETE FROM identities WHERE id = $1 RETURNING user_id, linked_by"
MARK_UNLINKED = (
    "INSERT INTO unlinked_identities (user_id, linked_by, unlinked_at) VALUES ($1, $2, $3)"
    " ON CONFLICT (user_id, linked_by) DO UPDATE SET unlinked_at = excluded.unlinked_at"
)
UNLINKED_OF = "SELECT linked_by FROM unlinked_identities WHERE user_id = $1"


class SqlUserStore(UserStore):
    """Users; deleting one takes what hangs on it along by the schema's ON DELETE CASCADE."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def add(self, user: User) -> None:
        await self._db.fetch(INSERT, *_values(user))

    async def get(self, user_id: str) -> User | None:
        return self._one(await self._db.fetch(SELECT_BY_ID, user_id))

    async def by_username(self, canonical: str) -> User | None:
        return self._one(await self._db.fetch(SELECT_BY_USERNAME, canonical))

    async def by_email(self, canonical: str) -> User | None:
        return self._one(await self._db.fetch(SELECT_BY_EMAIL, canonical))

    async def replace(self, user: User) -> bool:
        return bool(await self._db.fetch(UPDATE, *_values(user)))

    async def note_login(self, user_id: str, now: datetime) -> bool:
        return bool(await self._db.fetch(NOTE_LOGIN, user_id, now))

    async def delete(self, user_id: str) -> bool:
        return bool(await self._db.fetch(DELETE, user_id))

    async def list(self, where: UserFilter, page: Page) -> Sequence[User]:
        conditions = _conditions(where)
        if page.after is not None:
            conditions.add_pair(COMES_AFTER, page.after)
        cut = conditions.where() + LIST_ORDER + conditions.page(page.limit, page.offset)
        rows = await self._db.fetch(f"{LIST}{cut})", *conditions.values)
        return _newest_first(user_of(self._db, row) for row in rows)

    async def count(self, where: UserFilter) -> int:
        conditions = _conditions(where)
        rows = await self._db.fetch(COUNT + conditions.where(), *conditions.values)
        return int(rows[0][0])

    def _one(self, rows: Sequence[Row]) -> User | None:
        return user_of(self._db, rows[0]) if rows else None


class SqlPasswordStore(PasswordStore):
    """Password hashes."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def get(self, user_id: str) -> PasswordRecord | None:
        rows = await self._db.fetch(SELECT_HASH, user_id)
        if not rows:
            return None
        user_id, password_hash, updated_at = rows[0]
        return PasswordRecord(user_id, password_hash, self._db.instant(updated_at))

    async def put(self, record: PasswordRecord) -> None:
        await self._db.fetch(PUT_HASH, record.user_id, record.password_hash, record.updated_at)

    async def upgrade(self, user_id: str, old_hash: str, new_hash: str) -> bool:
        return bool(await self._db.fetch(UPGRADE_HASH, user_id, old_hash, new_hash))

    async def delete(self, user_id: str) -> bool:
        return bool(await self._db.fetch(DELETE_HASH, user_id))


class SqlPasswordResetStore(PasswordResetStore):
    """Reset secrets."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def put(self, reset: PasswordReset) -> None:
        await self._db.fetch(
            PUT_RESET, reset.user_id, reset.digest, reset.created_at, reset.expires_at
        )

    async def get(self, user_id: str) -> PasswordReset | None:
        rows = await self._db.fetch(SELECT_RESET, user_id)
        if not rows:
            return None
        id_, digest, created_at, expires_at = rows[0]
        return PasswordReset(
            id_, bytes(digest), self._db.instant(created_at), self._db.instant(expires_at)
        )

    async def take(self, user_id: str, digest: bytes, now: datetime) -> bool:
        return bool(await self._db.fetch(TAKE_RESET, user_id, digest, now))

    async def delete(self, user_id: str) -> bool:
        return bool(await self._db.fetch(DELETE_RESET, user_id))

    async def purge(self, before: datetime) -> int:
        return len(await self._db.fetch(PURGE_RESETS, before))


def user_of(db: Connection, row: Row) -> User:
    """The user whose columns a row has, in the order of `COLUMNS`."""
    return User(
        id=row[0],
        username=row[1],
        email=row[2],
        email_verified=bool(row[3]),
        role=Role(row[4]),
        status=Status(row[5]),
        password_change_required=bool(row[6]),
        created_at=db.instant(row[7]),
        updated_at=db.instant(row[8]),
        last_login=optional_instant(db, row[9]),
        organization_id=row[10],
    )


def _values(user: User) -> tuple[Value, ...]:
    return (
        user.id,
        user.username,
        user.email,
        user.email_verified,
        user.role,
        user.status,
        user.password_change_required,
        user.created_at,
        user.updated_at,
        user.last_login,
        user.organization_id,
        user.username.lower(),
    )


def _newest_first(users: Iterable[User]) -> Sequence[User]:
    """The rows of a page, which come in no order."""
    return sorted(users, key=lambda user: (user.created_at, user.id), reverse=True)


def _conditions(where: UserFilter) -> Conditions:
    conditions = Conditions()
    alone = sum(each is not None for each in (where.role, where.status, where.search)) == 1
    # Before what nearly every row may pass: a database compares in the order of the conditions.
    if where.search is not None:
        conditions.add(HAS_TEXT, contains(where.search.lower()))
    if where.role is not None:
        conditions.add(HAS_ROLE if alone else ALSO_ROLE, where.role)
    if where.status is not None:
        conditions.add(HAS_STATUS if alone else ALSO_STATUS, where.status)
    return conditions


class SqlIdentityStore(IdentityStore):
    """Identities of other sites."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def add(self, identity: LinkedIdentity) -> None:
        await self._db.fetch(
            INSERT_IDENTITY,
            identity.id,
            identity.user_id,
            identity.issuer,
            identity.subject,
            identity.provider,
            identity.email,
            identity.linked_by,
            identity.linked_at,
            identity.last_used,
        )

    async def find(self, issuer: str, subject: str) -> LinkedIdentity | None:
        rows = await self._db.fetch(FIND_IDENTITY, issuer, subject)
        return self._identity(rows[0]) if rows else None

    async def of_user(self, user_id: str) -> Sequence[LinkedIdentity]:
        return [self._identity(row) for row in await self._db.fetch(IDENTITIES_OF, user_id)]

    async def unlinked_of(self, user_id: str) -> frozenset[LinkedBy]:
        return frozenset(LinkedBy(row[0]) for row in await self._db.fetch(UNLINKED_OF, user_id))

    async def note_use(self, identity_id: str, email: str | None, now: datetime) -> bool:
        return bool(await self._db.fetch(USE_IDENTITY, identity_id, email, now))

    async def unlink(self, identity_id: str, now: datetime) -> bool:
        rows = await self._db.fetch(UNLINK_IDENTITY, identity_id)
        if rows:
            await self._db.fetch(MARK_UNLINKED, *rows[0], now)
        return bool(rows)

    def _identity(self, row: Row) -> LinkedIdentity:
        return LinkedIdentity(
            id=row[0],
            user_id=row[1],
            issuer=row[2],
            subject=row[3],
            provider=row[4],
            email=row[5],
            linked_by=LinkedBy(row[6]),
            linked_at=self._db.instant(row[7]),
            last_used=optional_instant(self._db, row[8]),
        )
