"""Environments, each seen with what somebody was granted on it."""

from __future__ import annotations

import msgspec
import pytest

from agentbox.errors import StorageError
from agentbox.model.access.roles import Permission, Role
from agentbox.model.environments import EnvironmentFilter, EnvironmentStatus, GrantFilter
from agentbox.plugin.storage import Page, Storage, Transaction
from agentbox.testing.samples import (
    HOUR,
    NOON,
    TICK,
    a_digest,
    a_grant,
    a_user,
    an_api_key,
    an_entry,
    an_environment,
)
from agentbox.testing.storage.harness import StorageTests

FULL = an_environment(
    image="registry.example.org/box:1",
    resources={"cpu": "2", "memory": "4Gi"},
    labels={"team": "blue", "Team": "red", "empty": ""},
    orchestration={
        "pod": "box-1",
        "ports": [22, 8080],
        "node": {"zone": None, "spot": True, "load": 0.5},
    },
    started_at=NOON + TICK,
    terminated_at=NOON + HOUR,
    status=EnvironmentStatus.TERMINATED,
    organization_id="elsewhere",
)


async def _people(tx: Transaction, *ids: str) -> None:
    for id_ in ids:
        await tx.users.add(a_user(id_))


async def _owned(tx: Transaction, id_: str, **granted_at: int) -> None:
    """An environment of `leaver`, with other owners, each since so many ticks."""
    await tx.environments.add(an_environment(id_, user_id="leaver", labels={"team": "blue"}))
    for user_id, ticks in {"leaver": 0, **granted_at}.items():
        grant = a_grant(
            f"{id_}-{user_id}",
            user_id=user_id,
            environment_id=id_,
            permission=Permission.OWNER,
            granted_at=NOON + ticks * TICK,
        )
        await tx.grants.add(grant)


class EnvironmentTests(StorageTests):
    """Environments."""

    async def test_an_environment_comes_back_with_every_field(self, storage: Storage) -> None:
        bare = an_environment("bare", status=EnvironmentStatus.PENDING)
        async with storage.transaction() as tx:
            await _people(tx, "user-1")
            await tx.environments.add(FULL)
            await tx.environments.add(bare)

        async with storage.transaction(read_only=True) as tx:
            assert await tx.environments.get(FULL.id, "user-1") == (FULL, None)
            assert await tx.environments.get("bare", "user-1") == (bare, None)
            assert await tx.environments.get("none", "user-1") is None
            every = await tx.environments.list(EnvironmentFilter(), Page(9), "user-1")
            assert list(every) == [(FULL, None), (bare, None)]

    async def test_an_environment_is_seen_with_what_the_viewer_was_granted(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            await _people(tx, "user-1", "other")
            await tx.environments.add(FULL)
            await tx.environments.add(an_environment("apart"))
            await tx.grants.add(a_grant(user_id="other", permission=Permission.EDITOR))

            assert await tx.environments.get(FULL.id, "other") == (FULL, Permission.EDITOR)
            assert await tx.environments.get(FULL.id, "user-1") == (FULL, None)
            assert await tx.environments.get(FULL.id, "nobody") == (FULL, None)
            seen = await tx.environments.list(EnvironmentFilter(), Page(9), "other")
            assert {each.id: granted for each, granted in seen} == {
                FULL.id: Permission.EDITOR,
                "apart": None,
            }

    async def test_grants_on_many_environments_are_asked_for_at_once(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            await _people(tx, "user-1", "other")
            for id_ in ("one", "two", "three"):
                await tx.environments.add(an_environment(id_))
            await tx.grants.add(a_grant("1", environment_id="one", permission=Permission.OWNER))
            await tx.grants.add(a_grant("2", environment_id="two", user_id="other"))

            unknown = [f"unknown-{number}" for number in range(998)]
            assert await tx.environments.granted(["one", "two", *unknown], "user-1") == {
                "one": Permission.OWNER,
                "two": None,
            }
            assert await tx.environments.granted(["two", "two"], "other") == {
                "two": Permission.VIEWER
            }
            assert await tx.environments.granted([], "user-1") == {}
            assert await tx.environments.granted(["one"], "nobody") == {"one": None}

    async def test_standings_tell_the_grant_and_whose_it_is_now(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await _people(tx, "user-1", "other")
            await tx.environments.add(an_environment("one"))
            await tx.environments.add(an_environment("two", user_id="other"))
            await tx.grants.add(a_grant("1", environment_id="two", permission=Permission.EDITOR))
            await tx.grants.add(a_grant("2", user_id="other", environment_id="one"))

            unknown = [f"unknown-{number}" for number in range(998)]
            assert await tx.environments.standings(["one", "two", *unknown], "user-1") == {
                "one": (None, "user-1", Role.USER),
                "two": (Permission.EDITOR, "other", Role.USER),
            }
            assert await tx.environments.standings([], "user-1") == {}

            await tx.users.replace(a_user("other", role=Role.ADMIN))
            assert await tx.environments.standings(["two"], "nobody") == {
                "two": (None, "other", Role.ADMIN)
            }

    async def test_replacing_an_environment_writes_all_but_its_creation(
        self, storage: Storage
    ) -> None:
        changed = msgspec.structs.replace(FULL, user_id="other", name="another", labels={"a": "b"})
        moved = msgspec.structs.replace(changed, created_at=NOON + HOUR)
        async with storage.transaction() as tx:
            await _people(tx, "user-1", "other")
            await tx.environments.add(an_environment(FULL.id, labels={"old": "1"}))
            assert await tx.environments.replace(moved)
            assert await tx.environments.get(FULL.id, "other") == (changed, None)
            assert not await tx.environments.replace(an_environment("none", labels={"x": "y"}))
            assert await tx.environments.count(EnvironmentFilter()) == 1

    async def test_deleting_an_environment_takes_its_grants_and_labels(
        self, storage: Storage
    ) -> None:
        key = an_api_key(permissions=(an_entry(FULL.id),))
        async with storage.transaction() as tx:
            await _people(tx, "user-1")
            await tx.environments.add(FULL)
            await tx.environments.add(an_environment("kept", labels=FULL.labels))
            await tx.grants.add(a_grant())
            await tx.grants.add(a_grant("2", environment_id="kept"))
            await tx.api_keys.add(key, a_digest())
        async with storage.transaction() as tx:
            assert await tx.environments.delete(FULL.id)
            assert not await tx.environments.delete(FULL.id)
            # Under the same id again, it has nothing of what hung on the one before.
            await tx.environments.add(an_environment(FULL.id))

        async with storage.transaction(read_only=True) as tx:
            assert await tx.grants.get("user-1", FULL.id) is None
            assert await tx.grants.count(GrantFilter(environment_id=FULL.id)) == 0
            assert await tx.environments.count(EnvironmentFilter(label=("team", "blue"))) == 1
            assert await tx.environments.get("kept", "user-1") == (
                an_environment("kept", labels=FULL.labels),
                Permission.VIEWER,
            )
            assert await tx.api_keys.get(key.id) == key

    async def test_a_user_whose_an_environment_is_can_t_be_deleted(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await _people(tx, "user-1")
            await tx.environments.add(FULL)

        with pytest.raises(StorageError):
            async with storage.transaction() as tx:
                await tx.users.delete("user-1")

        async with storage.transaction() as tx:
            assert await tx.users.get("user-1") is not None
            await tx.environments.delete(FULL.id)
            assert await tx.users.delete("user-1")

    async def test_environments_go_to_the_longest_standing_other_owner(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            await _people(tx, "leaver", "early", "late", "looker")
            await tx.users.add(a_user("viewer", role=Role.VIEWER))
            await _owned(tx, "both", late=9, early=5, viewer=1)
            await _owned(tx, "one", late=9)
            await tx.environments.add(an_environment("apart", user_id="looker"))
            looks = a_grant("looks", user_id="looker", environment_id="both", granted_at=NOON)
            await tx.grants.add(looks)

            await tx.environments.move_from("leaver")
            await tx.environments.move_from("nobody")

            seen = await tx.environments.list(EnvironmentFilter(), Page(9), "late")
            assert {each.id: each.user_id for each, _ in seen} == {
                "both": "early",
                "one": "late",
                "apart": "looker",
            }
            assert await tx.users.delete("leaver")
            assert list(await tx.grants.owners("both")) == ["viewer", "early", "late"]
