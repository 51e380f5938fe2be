"""Lists of users and API keys."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agentbox.model.access.roles import Role
from agentbox.model.api_keys import ApiKeyFilter, ApiKeyState
from agentbox.model.users import Status, UserFilter
from agentbox.plugin.storage import Page, Storage
from agentbox.testing.samples import HOUR, NOON, TICK, a_digest, a_user, an_api_key
from agentbox.testing.storage.harness import StorageTests

ALL = Page(100)

USERS = (
    a_user("1", username="Ada", email="ada@example.org", role=Role.ADMIN),
    a_user("2", username="bob", email="bob@ADA.example".lower(), status=Status.INACTIVE),
    a_user("3", username="per_cent", role=Role.VIEWER, created_at=NOON + TICK),
    a_user("4", username="perXcent", role=Role.VIEWER, status=Status.SUSPENDED),
)

KEYS = (
    an_api_key("active", user_id="1"),
    an_api_key("lasting", user_id="2", expires_at=NOON + HOUR, created_at=NOON + TICK),
    an_api_key("expired", user_id="2", expires_at=NOON),
    an_api_key("revoked", user_id="3", revoked_at=NOON),
    an_api_key("both", user_id="3", revoked_at=NOON, expires_at=NOON),
)


async def _fill(storage: Storage) -> None:
    async with storage.transaction() as tx:
        for user in USERS:
            await tx.users.add(user)
        for key in KEYS:
            await tx.api_keys.add(key, a_digest(key.id))


async def _users(storage: Storage, where: UserFilter, page: Page = ALL) -> Sequence[str]:
    async with storage.transaction(read_only=True) as tx:
        ids = [user.id for user in await tx.users.list(where, page)]
        if page is ALL:
            assert await tx.users.count(where) == len(ids)
    return ids


async def _keys(storage: Storage, where: ApiKeyFilter, page: Page = ALL) -> Sequence[str]:
    async with storage.transaction(read_only=True) as tx:
        ids = [key.id for key in await tx.api_keys.list(where, page)]
        if page is ALL:
            assert await tx.api_keys.count(where) == len(ids)
    return ids


class PersonAndKeyListTests(StorageTests):
    """Users and API keys."""

    async def test_users_are_listed_newest_first(self, storage: Storage) -> None:
        await _fill(storage)

        assert await _users(storage, UserFilter()) == ["3", "4", "2", "1"]

    async def test_a_page_is_a_cut_of_the_list(self, storage: Storage) -> None:
        await _fill(storage)

        assert await _users(storage, UserFilter(), Page(2, offset=1)) == ["4", "2"]
        assert await _users(storage, UserFilter(), Page(2, offset=9)) == []
        assert await _users(storage, UserFilter(), Page(0)) == []

    async def test_users_are_listed_on_from_a_row(self, storage: Storage) -> None:
        await _fill(storage)
        active = UserFilter(status=Status.ACTIVE)

        assert await _users(storage, UserFilter(), Page(2, after=(NOON + TICK, "3"))) == ["4", "2"]
        assert await _users(storage, UserFilter(), Page(9, after=(NOON, "2"))) == ["1"]
        assert await _users(storage, UserFilter(), Page(9, 1, after=(NOON, "4"))) == ["1"]
        assert await _users(storage, UserFilter(), Page(9, after=(NOON, "1"))) == []
        assert await _users(storage, active, Page(9, after=(NOON + TICK, "3"))) == ["1"]
        # The row that it went on from may be gone by now.
        assert await _users(storage, UserFilter(), Page(1, after=(NOON, "3 was here"))) == ["2"]

    @pytest.mark.parametrize(
        ("where", "found"),
        [
            (UserFilter(role=Role.VIEWER), ["3", "4"]),
            (UserFilter(status=Status.ACTIVE), ["3", "1"]),
            (UserFilter(role=Role.VIEWER, status=Status.SUSPENDED), ["4"]),
            (UserFilter(search="ADA"), ["2", "1"]),
            (UserFilter(search="example.org"), ["1"]),
            (UserFilter(search="r_c"), ["3"]),
            (UserFilter(search="%"), []),
            (UserFilter(search="\\"), []),
            (UserFilter(search="ada", role=Role.ADMIN, status=Status.ACTIVE), ["1"]),
        ],
    )
    async def test_filters_of_users_hold_together(
        self, storage: Storage, where: UserFilter, found: list[str]
    ) -> None:
        await _fill(storage)

        assert await _users(storage, where) == found

    async def test_keys_are_listed_newest_first(self, storage: Storage) -> None:
        await _fill(storage)
        expected = ["lasting", "revoked", "expired", "both", "active"]

        assert await _keys(storage, ApiKeyFilter(now=NOON)) == expected
        assert await _keys(storage, ApiKeyFilter(now=NOON), Page(2, offset=1)) == expected[1:3]

    async def test_keys_are_listed_on_from_a_row(self, storage: Storage) -> None:
        await _fill(storage)
        admins = ApiKeyFilter(now=NOON, owner_roles=("admin",), also_of="3")
        every = ApiKeyFilter(now=NOON)

        assert await _keys(storage, every, Page(2, after=(NOON + TICK, "lasting"))) == [
            "revoked",
            "expired",
        ]
        assert await _keys(storage, every, Page(9, after=(NOON, "expired"))) == ["both", "active"]
        assert await _keys(storage, admins, Page(9, after=(NOON, "revoked"))) == ["both", "active"]
        assert await _keys(storage, every, Page(9, after=(NOON, "active"))) == []

    @pytest.mark.parametrize(
        ("where", "found"),
        [
            (ApiKeyFilter(now=NOON, user_id="2"), ["lasting", "expired"]),
            (ApiKeyFilter(now=NOON, state=ApiKeyState.ACTIVE), ["lasting", "active"]),
            (ApiKeyFilter(now=NOON, state=ApiKeyState.EXPIRED), ["expired"]),
            (ApiKeyFilter(now=NOON + HOUR, state=ApiKeyState.ACTIVE), ["active"]),
            (ApiKeyFilter(now=NOON, state=ApiKeyState.REVOKED), ["revoked", "both"]),
            (ApiKeyFilter(now=NOON, user_id="3", state=ApiKeyState.ACTIVE), []),
            (ApiKeyFilter(now=NOON, owner_roles=("admin",)), ["active"]),
            (
                ApiKeyFilter(now=NOON, owner_roles=("viewer", "admin")),
                ["revoked", "both", "active"],
            ),
            (ApiKeyFilter(now=NOON, owner_roles=()), []),
            (ApiKeyFilter(now=NOON, owner_roles=(), also_of="1"), ["active"]),
            (
                ApiKeyFilter(
                    now=NOON, owner_roles=("user",), also_of="1", state=ApiKeyState.ACTIVE
                ),
                ["lasting", "active"],
            ),
        ],
    )
    async def test_filters_of_keys_hold_together(
        self, storage: Storage, where: ApiKeyFilter, found: list[str]
    ) -> None:
        await _fill(storage)

        assert await _keys(storage, where) == found
