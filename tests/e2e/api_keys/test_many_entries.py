"""A limited key gets an entry for what it registers, and never more than it can have."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from agentbox.model.access.roles import Permission
from agentbox.model.api_keys import MOST_ENTRIES, KeyPermission
from agentbox.model.ids import new_id
from tests.core.environments import put_environment
from tests.e2e.environments.sandbox import path_of
from tests.e2e.people import People
from tests.live import Caller, Live

MAKER = ["environments:read", "environments:create", "environments:write"]


async def full_key(live: Live, people: People, environment_ids: list[str]) -> tuple[Caller, str]:
    """An admin's key with as many entries as it can have, the first of them for these; its id."""
    text, made = await live.make_key(people.admin.caller, scopes=MAKER, permissions=[])
    rest = [new_id() for _ in range(MOST_ENTRIES - len(environment_ids))]
    entries = tuple(
        KeyPermission(
            id=new_id(),
            environment_id=each,
            permission=Permission.OWNER,
            created_at=datetime.now(UTC),
        )
        for each in [*environment_ids, *rest]
    )
    async with live.runtime.storage.transaction() as tx:
        key = await tx.api_keys.get(made["id"])
        assert key is not None
        await tx.api_keys.replace(msgspec.structs.replace(key, permissions=entries))
    return live.with_key(text), made["id"]


async def test_entries_of_environments_that_are_gone_make_room_in_a_full_list(
    live: Live, people: People
) -> None:
    there = [await put_environment(live.runtime.storage, people.admin.id) for _ in range(2)]
    key, key_id = await full_key(live, people, there)

    made = await key.post("/environments", {"name": "one more"})

    assert made.status == 201
    record = (await people.admin.caller.get(f"/api-keys/{key_id}")).body
    kept = [each["environment_id"] for each in record["permissions"]]
    assert kept == [*there, made.body["id"]]
    assert (await key.delete(path_of(made.body))).status == 204


async def test_a_key_with_a_full_list_of_environments_registers_no_more(
    live: Live, people: People
) -> None:
    storage = live.runtime.storage
    there = [await put_environment(storage, people.admin.id) for _ in range(MOST_ENTRIES)]
    key, key_id = await full_key(live, people, there)

    answer = await key.post("/environments", {"name": "one too many"})

    assert (answer.status, answer.error) == (409, "conflict")
    assert (await key.get("/environments?limit=1")).body["total"] == MOST_ENTRIES
    record = (await people.admin.caller.get(f"/api-keys/{key_id}")).body
    assert len(record["permissions"]) == MOST_ENTRIES
    # Whoever it belongs to goes on.
    assert (await people.admin.caller.post("/environments", {"name": "x"})).status == 201
