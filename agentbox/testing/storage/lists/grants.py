"""Lists of grants: those of a user, and those on an environment."""

from __future__ import annotations

from collections.abc import Sequence

from agentbox.model.environments import Grant, GrantFilter
from agentbox.plugin.storage import Page, Storage
from agentbox.testing.samples import NOON, TICK, a_grant, a_user, an_environment
from agentbox.testing.storage.harness import StorageTests

ALL = Page(100)

GRANTS = (
    a_grant("b", user_id="1", environment_id="x"),
    a_grant("a", user_id="1", environment_id="y", granted_at=NOON + TICK),
    a_grant("d", user_id="1", environment_id="z"),
    a_grant("c", user_id="2", environment_id="x", granted_at=NOON - TICK),
    a_grant("e", user_id="3", environment_id="x"),
)


async def _fill(storage: Storage) -> None:
    async with storage.transaction() as tx:
        for id_ in "123":
            await tx.users.add(a_user(id_))
        for id_ in "xyz":
            await tx.environments.add(an_environment(id_, user_id="1"))
        for grant in GRANTS:
            await tx.grants.add(grant)


async def _list(storage: Storage, where: GrantFilter, page: Page = ALL) -> Sequence[Grant]:
    async with storage.transaction(read_only=True) as tx:
        found = await tx.grants.list(where, page)
        if page is ALL:
            assert await tx.grants.count(where) == len(found)
    return found


async def _ids(storage: Storage, where: GrantFilter, page: Page = ALL) -> Sequence[str]:
    return [grant.id for grant in await _list(storage, where, page)]


class GrantListTests(StorageTests):
    """Grants."""

    async def test_grants_are_listed_newest_first(self, storage: Storage) -> None:
        await _fill(storage)
        by_id = {grant.id: grant for grant in GRANTS}

        assert list(await _list(storage, GrantFilter(user_id="1"))) == [
            by_id["a"],
            by_id["d"],
            by_id["b"],
        ]
        assert await _ids(storage, GrantFilter(environment_id="x")) == ["e", "b", "c"]
        assert await _ids(storage, GrantFilter(environment_id="y")) == ["a"]
        assert await _ids(storage, GrantFilter(user_id="nobody")) == []
        assert await _ids(storage, GrantFilter(environment_id="none")) == []

    async def test_grants_are_narrowed_to_some_environments(self, storage: Storage) -> None:
        await _fill(storage)
        some = GrantFilter(user_id="1", only=("x", "y", "unknown"))

        assert await _ids(storage, some) == ["a", "b"]
        assert await _ids(storage, some, Page(9, after=(NOON + TICK, "a"))) == ["b"]
        assert await _ids(storage, GrantFilter(user_id="1", only=())) == []
        assert await _ids(storage, GrantFilter(environment_id="x", only=("y",))) == []
        assert await _ids(storage, GrantFilter(environment_id="x", only=("x",))) == ["e", "b", "c"]

    async def test_grants_are_listed_page_by_page(self, storage: Storage) -> None:
        await _fill(storage)
        of_user, on_environment = GrantFilter(user_id="1"), GrantFilter(environment_id="x")

        assert await _ids(storage, of_user, Page(1, offset=1)) == ["d"]
        assert await _ids(storage, of_user, Page(9, after=(NOON + TICK, "a"))) == ["d", "b"]
        assert await _ids(storage, of_user, Page(9, 1, after=(NOON + TICK, "a"))) == ["b"]
        assert await _ids(storage, of_user, Page(9, after=(NOON, "c was here"))) == ["b"]
        assert await _ids(storage, on_environment, Page(1, after=(NOON, "e"))) == ["b"]
        assert await _ids(storage, on_environment, Page(9, after=(NOON - TICK, "c"))) == []
        assert await _ids(storage, on_environment, Page(0)) == []
