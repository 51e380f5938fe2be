"""Faults around environments and grants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from agentbox.errors import Conflict
from agentbox.model.access.roles import Role
from agentbox.testing.storage import (
    CrudTests,
    DurabilityTests,
    ErrorTests,
    RaceTests,
    RollbackTests,
    TimeTests,
    UniquenessTests,
)
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.faulty.people import CommitsAnyway, ForgetsOnClosing, RoundsTimes
from tests.storage.faulty.spoilt import NoForeignKeys, Spoilt


class ForgetsOrchestration(Spoilt):
    """Keeps nothing below the first level of what the orchestrator gave."""

    def spoil(self, tx: Any) -> None:
        right = tx.environments.add

        async def add(environment: Any) -> None:
            flat = {
                name: value
                for name, value in environment.orchestration.items()
                if not isinstance(value, dict)
            }
            await right(msgspec.structs.replace(environment, orchestration=flat))

        tx.environments.add = add


class ShowsGrantsOfOthers(Spoilt):
    """Says of an environment what anybody was granted on it."""

    def spoil(self, tx: Any) -> None:
        right = tx.environments.get

        async def get(environment_id: str, viewer: str) -> Any:
            seen = await right(environment_id, viewer)
            sql = "SELECT permission FROM grants WHERE environment_id = $1"
            rows = await tx._db.fetch(sql, environment_id)
            return seen and seen._replace(granted=rows[0][0] if rows else None)

        tx.environments.get = get


class LeavesOutTheUngranted(Spoilt):
    """Forgets environments on which the viewer was granted nothing."""

    def spoil(self, tx: Any) -> None:
        right = tx.environments.granted

        async def granted(ids: Sequence[str], viewer: str) -> Any:
            found = await right(ids, viewer)
            return {id_: permission for id_, permission in found.items() if permission}

        tx.environments.granted = granted


class RemembersRoles(Spoilt):
    """Tells the role that a user once had."""

    def spoil(self, tx: Any) -> None:
        right = tx.environments.standings

        async def standings(ids: Sequence[str], viewer: str) -> Any:
            found = await right(ids, viewer)
            return {id_: standing._replace(role=Role.USER) for id_, standing in found.items()}

        tx.environments.standings = standings


class MovesCreation(Spoilt):
    """Lets an environment become younger."""

    def spoil(self, tx: Any) -> None:
        right = tx.environments.replace

        async def replace(environment: Any) -> Any:
            sql = "UPDATE environments SET created_at = $2 WHERE id = $1"
            await tx._db.fetch(sql, environment.id, environment.created_at)
            return await right(environment)

        tx.environments.replace = replace


class KeepsGrantsOfTheGone(NoForeignKeys):
    """Deletes an environment and leaves its grants."""


class DeletesOwners(NoForeignKeys):
    """Deletes a user whose an environment is."""


class GrantsToNobody(NoForeignKeys):
    """Grants something to a user who is not there."""


class TakesAnyOwner(NoForeignKeys):
    """Adds an environment of a user who is not there."""


class GivesToTheYoungest(Spoilt):
    """Gives environments to who became an owner last."""

    def spoil(self, tx: Any) -> None:
        right = tx._db.fetch

        async def fetch(sql: str, *values: Any) -> Any:
            youngest = "ORDER BY grants.granted_at DESC"
            return await right(sql.replace("ORDER BY grants.granted_at", youngest), *values)

        tx._db.fetch = fetch


class NamesOwnersBackwards(Spoilt):
    """Names the youngest owner first."""

    def spoil(self, tx: Any) -> None:
        right = tx.grants.owners

        async def owners(environment_id: str) -> Any:
            return list(reversed(await right(environment_id)))

        tx.grants.owners = owners


class OwnsWithEditors(Spoilt):
    """Takes everybody who was granted something for an owner."""

    def spoil(self, tx: Any) -> None:
        right = tx._db.fetch

        async def fetch(sql: str, *values: Any) -> Any:
            return await right(sql.replace("others.permission = 'owner' AND ", ""), *values)

        tx._db.fetch = fetch


class GrantsTwice(Spoilt):
    """Swallows conflicts of grants."""

    def spoil(self, tx: Any) -> None:
        right = tx.grants.add

        async def add(grant: Any) -> None:
            try:
                await right(grant)
            except Conflict:
                return

        tx.grants.add = add


class GrantsTwiceInRaces(GrantsTwice):
    """The same, seen where many grant at once."""


class SaysNothingOfGrants(Spoilt):
    """Has one sentence for every conflict."""

    def spoil(self, tx: Any) -> None:
        right = tx.grants.add

        async def add(grant: Any) -> None:
            try:
                await right(grant)
            except Conflict:
                raise Conflict("This is there already.") from None

        tx.grants.add = add


class CommitsChangesAnyway(CommitsAnyway):
    """Commits what was changed before an exception."""


class RoundsTimesOfEnvironments(RoundsTimes):
    """Keeps milliseconds only."""


class ForgetsLabelsOnClosing(ForgetsOnClosing):
    """Has no labels left when it is opened again."""

    forgotten = "environment_labels"


FAULTS: Mapping[type[SqliteStorage], tuple[type, str]] = {
    ForgetsOrchestration: (CrudTests, "test_an_environment_comes_back_with_every_field"),
    ShowsGrantsOfOthers: (
        CrudTests,
        "test_an_environment_is_seen_with_what_the_viewer_was_granted",
    ),
    LeavesOutTheUngranted: (
        CrudTests,
        "test_grants_on_many_environments_are_asked_for_at_once",
    ),
    RemembersRoles: (CrudTests, "test_standings_tell_the_grant_and_whose_it_is_now"),
    MovesCreation: (CrudTests, "test_replacing_an_environment_writes_all_but_its_creation"),
    KeepsGrantsOfTheGone: (
        CrudTests,
        "test_deleting_an_environment_takes_its_grants_and_labels",
    ),
    DeletesOwners: (CrudTests, "test_a_user_whose_an_environment_is_can_t_be_deleted"),
    GrantsToNobody: (CrudTests, "test_a_grant_needs_a_user_and_an_environment"),
    TakesAnyOwner: (ErrorTests, "test_what_belongs_to_nobody_is_refused"),
    GivesToTheYoungest: (
        CrudTests,
        "test_environments_go_to_the_longest_standing_other_owner",
    ),
    NamesOwnersBackwards: (CrudTests, "test_owners_are_named_by_how_long_they_have_been"),
    OwnsWithEditors: (CrudTests, "test_what_a_user_owns_alone_is_named"),
    GrantsTwice: (UniquenessTests, "test_ids_are_unique_in_every_store"),
    SaysNothingOfGrants: (UniquenessTests, "test_a_user_has_one_grant_on_an_environment"),
    GrantsTwiceInRaces: (RaceTests, "test_one_of_many_grants_a_permission"),
    CommitsChangesAnyway: (
        RollbackTests,
        "test_an_exception_undoes_changes_of_what_was_there",
    ),
    RoundsTimesOfEnvironments: (
        TimeTests,
        "test_every_time_of_an_environment_comes_back_exactly",
    ),
    ForgetsLabelsOnClosing: (DurabilityTests, "test_commits_are_there_after_reopening"),
}
