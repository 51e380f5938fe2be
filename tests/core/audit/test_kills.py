"""kill -9 at any moment: a change is there exactly if its row of the audit is, and all verifies."""

from __future__ import annotations

from collections import Counter

from tests.backend import Database
from tests.core.audit.trail import judged, seal
from tests.scale import scaled
from tests.storage.processes import WriterProcess

SCRIPT = ("-m", "tests.core.audit.mixed_writes")


async def test_a_change_is_there_exactly_if_its_row_is(database: Database) -> None:
    # OB-04: kill -9 loop: change present <=> audit present
    acknowledged: list[str] = []
    for number in range(scaled(10)):
        writer = WriterProcess(database.address, f"round{number}", SCRIPT)
        writer.wait_for(1 + number * 7 % 40)
        writer.kill()
        acknowledged += writer.acknowledged

    assert_changes_are_rows(database, Counter(acknowledged))
    storage = database.storage()
    async with storage.open():
        verdict = await judged(storage, size=1000)
        assert verdict.faults == []
        assert verdict.sealed > 0
        while await seal(storage):
            pass
        verdict = await judged(storage, size=1000)
    assert (verdict.faults, verdict.unsealed) == ([], 0)


def assert_changes_are_rows(database: Database, told: Counter[str]) -> None:
    rows = database.run("SELECT event, target FROM audit")
    users = dict(database.run("SELECT id, email FROM users"))
    keys = {f"api_key:{id_}" for (id_,) in database.run("SELECT id FROM api_keys")}

    made = [target for event, target in rows if event == "user.create"]
    assert sorted(made) == sorted(f"user:{id_}" for id_ in users)
    assert {target for event, target in rows if event == "api_key.create"} == keys
    edits = Counter(target for event, target in rows if event == "user.update")
    # The address says how many edits have been made.
    assert {f"user:{id_}": edits[f"user:{id_}"] for id_ in users} == {
        f"user:{id_}": 0 if email is None else int(email.partition("@")[0]) + 1
        for id_, email in users.items()
    }
    assert len(users) >= told["made"] > 0
    assert edits.total() >= told["edited"]
    assert len(keys) >= told["key"]
