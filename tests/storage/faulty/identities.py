"""Faults around sign-ins at other sites."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from agentbox.errors import Conflict
from agentbox.model.users import LinkedBy
from agentbox.plugin.sql.users import IDENTITY_COLUMNS, MARK_UNLINKED, UNLINK_IDENTITY
from agentbox.testing.storage import (
    CrudTests,
    RaceTests,
    RollbackTests,
    TextTests,
    UniquenessTests,
)
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.faulty.people import CommitsAnyway
from tests.storage.faulty.spoilt import NoForeignKeys, Spoilt

FIND_LOOSELY = (
    f"SELECT {IDENTITY_COLUMNS} FROM identities"
    " WHERE lower(issuer) = lower($1) AND lower(subject) = lower($2)"
)
MARKS_OF_ALL = "SELECT linked_by FROM unlinked_identities"


class ForgetsTheEmail(Spoilt):
    """Keeps every field of an identity but one."""

    def spoil(self, tx: Any) -> None:
        right = tx.identities.add

        async def add(identity: Any) -> None:
            await right(msgspec.structs.replace(identity, email=None))

        tx.identities.add = add


class FindsLoosely(Spoilt):
    """Takes two subjects for one that differ in case alone."""

    def spoil(self, tx: Any) -> None:
        store = tx.identities

        async def find(issuer: str, subject: str) -> Any:
            rows = await tx._db.fetch(FIND_LOOSELY, issuer, subject)
            return store._identity(rows[0]) if rows else None

        tx.identities.find = find


class FindsByTheEmail(Spoilt):
    """Takes an address for a subject where there is no such subject."""

    def spoil(self, tx: Any) -> None:
        right, db = tx.identities.find, tx._db

        async def find(issuer: str, subject: str) -> Any:
            rows = await db.fetch("SELECT subject FROM identities WHERE email = $1", subject)
            return await right(issuer, rows[0][0] if rows else subject)

        tx.identities.find = find


class ListsIdentitiesOfAll(Spoilt):
    """Gives everybody the identities in the order of their ids."""

    def spoil(self, tx: Any) -> None:
        right = tx.identities.of_user

        async def of_user(user_id: str) -> Any:
            return sorted(await right(user_id), key=lambda identity: str(identity.id))

        tx.identities.of_user = of_user


class NotesUsesEverywhere(Spoilt):
    """Notes a use on all identities there are."""

    def spoil(self, tx: Any) -> None:
        right, db = tx.identities.note_use, tx._db

        async def note_use(identity_id: str, email: str | None, now: datetime) -> bool:
            for row in await db.fetch("SELECT id FROM identities"):
                await right(row[0], email, now)
            return bool(await right(identity_id, email, now))

        tx.identities.note_use = note_use


class UnlinksTwice(Spoilt):
    """Says that it has taken away what was gone."""

    def spoil(self, tx: Any) -> None:
        right = tx.identities.unlink

        async def unlink(identity_id: str, now: datetime) -> bool:
            await right(identity_id, now)
            return True

        tx.identities.unlink = unlink


class KeepsTheUnlinked(Spoilt):
    """Marks what is taken away, and leaves it there."""

    def spoil(self, tx: Any) -> None:
        db = tx._db

        async def unlink(identity_id: str, now: datetime) -> bool:
            rows = await db.fetch(
                "SELECT user_id, linked_by FROM identities WHERE id = $1", identity_id
            )
            if rows and not await tx.identities.unlinked_of(rows[0][0]):
                await db.fetch(MARK_UNLINKED, *rows[0], now)
                return True
            return False

        tx.identities.unlink = unlink


class ForgetsTheUnlinked(Spoilt):
    """Takes a link away, and leaves no mark of it."""

    def spoil(self, tx: Any) -> None:
        db = tx._db

        async def unlink(identity_id: str, now: datetime) -> bool:
            return bool(await db.fetch(UNLINK_IDENTITY, identity_id))

        tx.identities.unlink = unlink


class ForgetsByWhat(Spoilt):
    """Remembers that something was taken away, and not what it had been linked by."""

    def spoil(self, tx: Any) -> None:
        right = tx.identities.unlinked_of

        async def unlinked_of(user_id: str) -> frozenset[LinkedBy]:
            return frozenset({LinkedBy.SESSION}) if await right(user_id) else frozenset()

        tx.identities.unlinked_of = unlinked_of


class RemembersForAll(Spoilt):
    """Thinks that everybody has taken away what one has."""

    def spoil(self, tx: Any) -> None:
        db = tx._db

        async def unlinked_of(user_id: str) -> frozenset[LinkedBy]:
            return frozenset(LinkedBy(row[0]) for row in await db.fetch(MARKS_OF_ALL))

        tx.identities.unlinked_of = unlinked_of


class ForgetsWhenLinkedAgain(Spoilt):
    """Forgets what was taken away from a user as soon as something is linked to it."""

    def spoil(self, tx: Any) -> None:
        right, db = tx.identities.add, tx._db

        async def add(identity: Any) -> None:
            await right(identity)
            await db.fetch("DELETE FROM unlinked_identities WHERE user_id = $1", identity.user_id)

        tx.identities.add = add


class MarksOnce(Spoilt):
    """Breaks where a second one is taken away from a user."""

    def spoil(self, tx: Any) -> None:
        right = tx.identities.unlink

        async def unlink(identity_id: str, now: datetime) -> bool:
            rows = await tx._db.fetch(
                "SELECT user_id, linked_by FROM identities WHERE id = $1", identity_id
            )
            if rows and rows[0][1] in await tx.identities.unlinked_of(rows[0][0]):
                raise Conflict
            return bool(await right(identity_id, now))

        tx.identities.unlink = unlink


class ForgetsBy(Spoilt):
    """Says of every link that somebody made it who was signed in."""

    def spoil(self, tx: Any) -> None:
        right = tx.identities.add

        async def add(identity: Any) -> None:
            await right(msgspec.structs.replace(identity, linked_by=LinkedBy.SESSION))

        tx.identities.add = add


class KeepsIdentitiesOfTheDead(NoForeignKeys):
    """Leaves the identities of a user who is deleted to whoever comes next."""


class LinksTwice(Spoilt):
    """Gives an identity to the last one who asks for it."""

    def spoil(self, tx: Any) -> None:
        right, db = tx.identities.add, tx._db

        async def add(identity: Any) -> None:
            await db.fetch(
                "DELETE FROM identities WHERE issuer = $1 AND subject = $2",
                identity.issuer,
                identity.subject,
            )
            await right(identity)

        tx.identities.add = add


class LinksForAll(Spoilt):
    """Lets everybody believe that the identity is theirs."""

    def spoil(self, tx: Any) -> None:
        right = tx.identities.add

        async def add(identity: Any) -> None:
            try:
                await right(identity)
            except Conflict:
                return

        tx.identities.add = add


class LinksAgainTwice(Spoilt):
    """Gives an identity to the last one who asks for it, where one was taken away before."""

    def spoil(self, tx: Any) -> None:
        right, db = tx.identities.add, tx._db

        async def add(identity: Any) -> None:
            if await db.fetch(MARKS_OF_ALL):
                live = await tx.identities.find(identity.issuer, identity.subject)
                await db.fetch("DELETE FROM identities WHERE id = $1", live.id if live else "")
            await right(identity)

        tx.identities.add = add


class LinksAgainForAll(LinksForAll):
    """Lets everybody believe that what was taken away is theirs."""


class UnlinksForAll(UnlinksTwice):
    """Lets everybody believe that they have taken it away."""


class KeepsMarksOfTheDead(NoForeignKeys):
    """Leaves what a deleted user has taken away to whoever comes next."""


class KeepsLinksOfTheUndone(CommitsAnyway):
    """Keeps what was done to identities before an exception."""


class ComposesSubjects(Spoilt):
    """Looks for subjects in another form than they were given."""

    def spoil(self, tx: Any) -> None:
        right = tx.identities.find

        async def find(issuer: str, subject: str) -> Any:
            return await right(issuer, subject.replace("e\u0301", "é"))

        tx.identities.find = find


class TrimsSubjects(Spoilt):
    """Keeps subjects without the spaces around them."""

    def spoil(self, tx: Any) -> None:
        right = tx.identities.add

        async def add(identity: Any) -> None:
            await right(msgspec.structs.replace(identity, subject=identity.subject.strip()))

        tx.identities.add = add


FAULTS: Mapping[type[SqliteStorage], tuple[type, str]] = {
    ForgetsTheEmail: (CrudTests, "test_an_identity_comes_back_with_every_field"),
    FindsLoosely: (CrudTests, "test_an_identity_is_found_letter_by_letter"),
    FindsByTheEmail: (CrudTests, "test_an_identity_is_found_letter_by_letter"),
    ListsIdentitiesOfAll: (
        CrudTests,
        "test_a_user_s_identities_are_listed_the_first_linked_first",
    ),
    NotesUsesEverywhere: (CrudTests, "test_a_use_is_noted_on_that_identity_alone"),
    UnlinksTwice: (CrudTests, "test_an_identity_is_unlinked_once"),
    KeepsTheUnlinked: (CrudTests, "test_an_identity_is_unlinked_once"),
    ForgetsTheUnlinked: (
        CrudTests,
        "test_what_was_unlinked_is_remembered_by_what_it_was_linked",
    ),
    ForgetsByWhat: (CrudTests, "test_what_was_unlinked_is_remembered_by_what_it_was_linked"),
    RemembersForAll: (CrudTests, "test_what_was_unlinked_is_remembered_by_what_it_was_linked"),
    ForgetsWhenLinkedAgain: (
        CrudTests,
        "test_what_was_unlinked_is_remembered_whatever_is_linked_after_it",
    ),
    MarksOnce: (RaceTests, "test_many_are_taken_away_from_a_user_at_once"),
    ForgetsBy: (CrudTests, "test_what_a_link_was_made_by_comes_back"),
    KeepsMarksOfTheDead: (CrudTests, "test_deleting_a_user_takes_along_what_was_unlinked"),
    KeepsIdentitiesOfTheDead: (CrudTests, "test_deleting_a_user_takes_its_identities_along"),
    LinksTwice: (UniquenessTests, "test_an_identity_is_linked_once_to_whomever"),
    LinksAgainTwice: (
        UniquenessTests,
        "test_an_identity_that_was_unlinked_is_linked_once_again",
    ),
    LinksForAll: (RaceTests, "test_one_of_many_links_an_identity"),
    LinksAgainForAll: (RaceTests, "test_one_of_many_links_an_identity_again"),
    UnlinksForAll: (RaceTests, "test_one_of_many_unlinks_an_identity"),
    KeepsLinksOfTheUndone: (RollbackTests, "test_an_exception_undoes_links_of_identities"),
    ComposesSubjects: (TextTests, "test_a_composed_and_a_decomposed_subject_are_two"),
    TrimsSubjects: (TextTests, "test_an_identity_is_found_by_a_text_exactly"),
}
