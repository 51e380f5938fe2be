"""Faults in lists of environments and grants."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

import msgspec

from agentbox.testing.storage import ListTests, TextTests
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.faulty.spoilt import Spoilt


class Narrowing(Spoilt):
    """Makes another filter of what lists and counts of environments are asked for."""

    def spoil(self, tx: Any) -> None:
        list_, count = tx.environments.list, tx.environments.count

        async def narrowed_list(where: Any, page: Any, viewer: str) -> Any:
            return await list_(self.narrow(where), page, viewer)

        async def narrowed_count(where: Any) -> Any:
            return await count(self.narrow(where))

        tx.environments.list, tx.environments.count = narrowed_list, narrowed_count

    def narrow(self, where: Any) -> Any:
        """The wrong filter."""
        raise NotImplementedError


class IgnoresGrants(Narrowing):
    """Lists environments on which nothing was granted."""

    def narrow(self, where: Any) -> Any:
        return msgspec.structs.replace(where, granted_to=None)


class TakesNoIdsForAll(Narrowing):
    """Takes a list of no ids for no list."""

    def narrow(self, where: Any) -> Any:
        return msgspec.structs.replace(where, only=where.only or None)


class FoldsLabels(Narrowing):
    """Compares labels in any case."""

    def narrow(self, where: Any) -> Any:
        label = where.label and tuple(text.lower() for text in where.label)
        return msgspec.structs.replace(where, label=label)


class KeepsTheCaseOfSearches(Spoilt):
    """Folds ASCII letters alone, as LIKE does by itself."""

    def spoil(self, tx: Any) -> None:
        right = tx._db.fetch

        async def fetch(sql: str, *values: Any) -> Any:
            return await right(sql.replace("name_key LIKE", "name LIKE"), *values)

        tx._db.fetch = fetch


class ComposesLabels(Narrowing):
    """Takes two labels for one that look the same."""

    def narrow(self, where: Any) -> Any:
        label = where.label and tuple(unicodedata.normalize("NFC", text) for text in where.label)
        return msgspec.structs.replace(where, label=label)


class CountsWithoutSearch(Spoilt):
    """Counts more than it lists."""

    def spoil(self, tx: Any) -> None:
        right = tx.environments.count

        async def count(where: Any) -> Any:
            return await right(msgspec.structs.replace(where, search=None))

        tx.environments.count = count


class IgnoresOffsetsOfEnvironments(Spoilt):
    """Gives the first page again."""

    def spoil(self, tx: Any) -> None:
        right = tx.environments.list

        async def list_(where: Any, page: Any, viewer: str) -> Any:
            return await right(where, msgspec.structs.replace(page, offset=0), viewer)

        tx.environments.list = list_


class IgnoresCursorsOfEnvironments(Spoilt):
    """Begins every page at the beginning of the list."""

    def spoil(self, tx: Any) -> None:
        right = tx.environments.list

        async def list_(where: Any, page: Any, viewer: str) -> Any:
            return await right(where, msgspec.structs.replace(page, after=None), viewer)

        tx.environments.list = list_


class ListsEveryGrant(Spoilt):
    """Takes a list of no environments for no list."""

    def spoil(self, tx: Any) -> None:
        right = tx.grants.list

        async def list_(where: Any, page: Any) -> Any:
            return await right(msgspec.structs.replace(where, only=where.only or None), page)

        tx.grants.list = list_


class IgnoresCursorsOfGrants(Spoilt):
    """The same of grants."""

    def spoil(self, tx: Any) -> None:
        right = tx.grants.list

        async def list_(where: Any, page: Any) -> Any:
            return await right(where, msgspec.structs.replace(page, after=None))

        tx.grants.list = list_


class Withholds(Spoilt):
    """Never sends the statements that begin with one of `unsent`."""

    unsent: tuple[str, ...] = ()

    def spoil(self, tx: Any) -> None:
        fetch, run_many = tx._db.fetch, tx._db.run_many

        async def some_fetch(sql: str, *values: Any) -> Any:
            return [] if sql.startswith(self.unsent) else await fetch(sql, *values)

        async def some_run_many(sql: str, rows: Any) -> None:
            if not sql.startswith(self.unsent):
                await run_many(sql, rows)

        tx._db.fetch, tx._db.run_many = some_fetch, some_run_many


class ListsByOldNames(Withholds):
    """Goes on finding an environment among the granted by what it was."""

    unsent = ("UPDATE grants SET environment_name_key",)


class ListsByOldOwners(Withholds):
    """Goes on finding a labelled environment under the user who left."""

    unsent = ("UPDATE environment_labels SET user_id",)


FAULTS: Mapping[type[SqliteStorage], tuple[type, str]] = {
    IgnoresGrants: (ListTests, "test_every_combination_of_filters_finds_what_it_should"),
    TakesNoIdsForAll: (ListTests, "test_every_combination_of_filters_finds_what_it_should"),
    IgnoresOffsetsOfEnvironments: (
        ListTests,
        "test_every_combination_of_filters_is_listed_page_by_page",
    ),
    CountsWithoutSearch: (ListTests, "test_a_search_takes_any_case_and_no_wildcards"),
    KeepsTheCaseOfSearches: (ListTests, "test_a_search_takes_any_case_and_no_wildcards"),
    FoldsLabels: (ListTests, "test_a_label_is_compared_exactly"),
    IgnoresCursorsOfEnvironments: (ListTests, "test_a_page_goes_on_from_a_row_that_is_gone"),
    ListsEveryGrant: (ListTests, "test_grants_are_narrowed_to_some_environments"),
    IgnoresCursorsOfGrants: (ListTests, "test_grants_are_listed_page_by_page"),
    ListsByOldNames: (ListTests, "test_an_environment_is_found_by_what_it_is_now"),
    ListsByOldOwners: (
        ListTests,
        "test_an_environment_that_was_moved_is_found_by_its_new_owner",
    ),
    ComposesLabels: (TextTests, "test_composed_and_decomposed_labels_are_two"),
}
