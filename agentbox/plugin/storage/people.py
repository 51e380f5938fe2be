"""Stores of people: users, passwords, sessions, logins that wait."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime

from agentbox.model.sessions import LoginFlow, Session
from agentbox.model.users import (
    LinkedBy,
    LinkedIdentity,
    PasswordRecord,
    PasswordReset,
    User,
    UserFilter,
)
from agentbox.plugin.storage.page import Page


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
        """Remove the user and all that hangs on it: password, sessions, API keys, grants.

        Raises `StorageError` while an environment has it as its `user_id`.
        """

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

    @abstractmethod
    async def delete(self, user_id: str) -> bool: ...


class PasswordResetStore(ABC):
    """Reset secrets by their SHA-256, one a user at most."""

    @abstractmethod
    async def put(self, reset: PasswordReset) -> None:
        """Insert or replace."""

    @abstractmethod
    async def get(self, user_id: str) -> PasswordReset | None: ...

    @abstractmethod
    async def take(self, user_id: str, digest: bytes, now: datetime) -> bool:
        """Use it up, in one statement; False if it is another one, gone or expired."""

    @abstractmethod
    async def delete(self, user_id: str) -> bool: ...

    @abstractmethod
    async def purge(self, before: datetime) -> int:
        """Delete some of those that expired before then, as many as take milliseconds; how many,
        and 0 once there are none."""


class IdentityStore(ABC):
    """Identities of other sites, each linked to one user; a user may have several.

    A link that is taken away leaves a mark with its user, of what it had been made by alone, until
    the user is deleted; only `unlinked_of` tells of it.
    """

    @abstractmethod
    async def add(self, identity: LinkedIdentity) -> None:
        """Raises `Conflict` if (issuer, subject) is linked already, to whomever."""

    @abstractmethod
    async def find(self, issuer: str, subject: str) -> LinkedIdentity | None:
        """The link of exactly this identity, letter by letter."""

    @abstractmethod
    async def of_user(self, user_id: str) -> Sequence[LinkedIdentity]:
        """All of a user's, the first linked first, by (linked_at, id)."""

    @abstractmethod
    async def unlinked_of(self, user_id: str) -> frozenset[LinkedBy]:
        """By what those were linked that were ever taken away from this user; empty if none was."""

    @abstractmethod
    async def note_use(self, identity_id: str, email: str | None, now: datetime) -> bool:
        """It was signed in with, and this is the e-mail that the site said; False if it is gone."""

    @abstractmethod
    async def unlink(self, identity_id: str, now: datetime) -> bool:
        """Take the link away and leave its mark, once however many ask; False if it is gone."""


class SessionStore(ABC):
    """Sessions. An ended one stays, ended, until it is purged."""

    @abstractmethod
    async def add(self, session: Session) -> None: ...

    @abstractmethod
    async def get(self, session_id: str) -> Session | None: ...

    @abstractmethod
    async def with_users(self, session_ids: Sequence[str]) -> Sequence[tuple[Session, User]]:
        """Those of these sessions that are there, with their users, in no order.

        In one statement, as `ApiKeyStore.issued`.
        """

    @abstractmethod
    async def rotate(
        self, session_id: str, generation: int, now: datetime, idle_until: datetime
    ) -> Session | None:
        """Go on from that generation to the next, in one statement; the session as it is then.

        Sets `rotated_at` and `last_used` to `now`. None if it is at another generation, ended, past
        its absolute end or the end of its idle time, or not there: then nothing is changed.
        """

    @abstractmethod
    async def renew(self, session_id: str, auth_time: datetime, amr: Sequence[str]) -> bool:
        """Note that its user was authenticated anew; False if it is ended or not there."""

    @abstractmethod
    async def touch(self, last_used: Mapping[str, datetime]) -> None:
        """Note last uses. Never moves a time backwards."""

    @abstractmethod
    async def end(self, session_id: str, now: datetime) -> bool:
        """End it in one statement; False if it was ended already or is not there."""

    @abstractmethod
    async def end_all(self, user_id: str, now: datetime, *, keep: str | None = None) -> int:
        """End all of a user's sessions but `keep`; how many were not past their absolute end."""

    @abstractmethod
    async def list(self, user_id: str, now: datetime, page: Page) -> Sequence[Session]:
        """A user's live sessions, newest first by (created_at, id), without those past their idle
        time."""

    @abstractmethod
    async def count(self, user_id: str | None, now: datetime) -> int:
        """How many sessions `list` would give in all; without a user, those of everybody."""

    @abstractmethod
    async def purge(self, before: datetime) -> int:
        """Delete some of those that expired before then, as many as take milliseconds; how many,
        and 0 once there are none."""


class LoginFlowStore(ABC):
    """Logins that wait for another step."""

    @abstractmethod
    async def add(self, flow: LoginFlow) -> None: ...

    @abstractmethod
    async def take(self, flow_id: str, authenticator_id: str, now: datetime) -> LoginFlow | None:
        """Remove it and return it, in one statement; None if it is gone or expired.

        That of another authenticator stays, and is None as well: whoever brings it to the wrong
        place uses nothing up.
        """

    @abstractmethod
    async def find(self, flow_id: str, now: datetime) -> LoginFlow | None:
        """As it is; it stays. None if it is gone or expired."""

    @abstractmethod
    async def shorten(self, authenticator_id: str, keep: int) -> int:
        """Delete those of an authenticator that end first, until `keep` are left; how many."""

    @abstractmethod
    async def purge(self, before: datetime) -> int:
        """As of sessions."""
