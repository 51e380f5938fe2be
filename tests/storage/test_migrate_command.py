"""`agentbox migrate`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from agentbox.cli.migrate import migrate
from agentbox.errors import SchemaError
from agentbox.plugin.migrations import MigrationFolder, read_folders
from agentbox_sqlite.schema import own_folders
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.damage import point_nowhere

FIRST = "agentbox-sqlite-0001-initial"
OURS = tuple(migration.id for migration in read_folders(own_folders()))
ALL = (*OURS, "later-0001-table")


class Loaded:
    """What the root command hands over."""

    def __init__(self, path: Path, folders: Sequence[MigrationFolder]) -> None:
        self.storage = SqliteStorage(path)
        self.migration_folders = folders
        self.secret_ensured = False
        self.width = 120

    def ensure_root_secret(self) -> None:
        self.secret_ensured = True

    @property
    def console(self) -> Console:
        return Console(width=self.width)


@pytest.fixture
def folders(tmp_path: Path) -> list[MigrationFolder]:
    """The server's own folder, and one whose migration comes after those."""
    folder = tmp_path / "later"
    folder.mkdir()
    (folder / "later-0001-table.sql").write_text("CREATE TABLE later (id text);\n")
    (folder / "later-0001-table.rollback.sql").write_text("DROP TABLE later;\n")
    return [*own_folders(), MigrationFolder(plugin="later", path=folder)]


@pytest.fixture
def loaded(database: Path, folders: list[MigrationFolder]) -> Loaded:
    return Loaded(database, folders)


def run(loaded: Loaded, *arguments: str) -> Result:
    return CliRunner().invoke(migrate, arguments, obj=loaded, catch_exceptions=False)


def test_up_names_what_it_applied_and_then_has_nothing_to_do(loaded: Loaded) -> None:
    assert run(loaded, "up").output == "".join(f"Applied {name}\n" for name in ALL)
    assert run(loaded, "up").output == "There was nothing to do.\n"


def test_check_fails_until_the_schema_is_current(loaded: Loaded) -> None:
    before = run(loaded, "check")
    assert before.exit_code == 1
    assert before.output == f"The schema is not current: {len(ALL)} pending.\n"

    run(loaded, "up")

    assert run(loaded, "check").exit_code == 0


def test_check_makes_no_database(loaded: Loaded, database: Path) -> None:
    run(loaded, "check")

    assert not database.exists()


def test_check_can_look_for_damage(loaded: Loaded) -> None:
    # ST-05: integrity_check by command
    run(loaded, "up")

    whole = run(loaded, "check", "--integrity")

    assert whole.exit_code == 0
    assert whole.output == "The schema is current.\nThe database finds no damage.\n"


def test_check_fails_for_damage_and_names_it(loaded: Loaded, database: Path) -> None:
    # ST-05
    run(loaded, "up")
    point_nowhere(database)

    assert run(loaded, "check").exit_code == 0
    damaged = run(loaded, "check", "--integrity")

    assert damaged.exit_code == 1
    assert "Rows of passwords that refer to no row of users: 1" in damaged.output


def test_a_table_of_80_columns_breaks_no_word(loaded: Loaded) -> None:
    loaded.width = 80
    output = run(loaded, "status").output

    assert max(map(len, output.splitlines())) <= 80
    assert all(word in output for word in (FIRST, "later-0001-table", "Meaning", "pending"))


# ST-06: before anything is changed
def test_status_says_which_pending_migrations_older_versions_can_live_with(loaded: Loaded) -> None:
    loaded.width = 160
    lines = run(loaded, "status").output.splitlines()
    told = [line for line in lines if "older versions may run" in line]

    assert told
    assert all("-additive" in line for line in told)
    assert len(told) < sum("agentbox-sqlite-" in line for line in lines)


def test_status_is_a_table_for_people(loaded: Loaded) -> None:
    SqliteStorage(loaded.storage.path).migrate(own_folders())

    output = run(loaded, "status").output

    assert FIRST in output
    assert "pending" in output
    assert "The schema is not current: 1 pending." in output


def test_status_is_json_for_scripts(loaded: Loaded) -> None:
    run(loaded, "up")

    assert json.loads(run(loaded, "status", "--json").output) == {
        "current": True,
        "history": list(ALL),
        "applied": list(ALL),
        "pending": [],
        "ahead": [],
        "drifted": [],
        "out_of_order": [],
        "orphaned": [],
        "newer": [],
    }


def test_status_shows_drift_and_orphans(
    loaded: Loaded, folders: list[MigrationFolder], database: Path
) -> None:
    run(loaded, "up")
    file = folders[-1].path / "later-0001-table.sql"
    file.write_text(file.read_text() + "-- edited\n")

    assert "drifted" in run(loaded, "status").output
    assert "orphaned" in run(Loaded(database, own_folders()), "status").output


def test_down_goes_back_to_the_one_named(loaded: Loaded) -> None:
    run(loaded, "up")

    assert run(loaded, "down", OURS[-1], "--yes").output == "Rolled back later-0001-table\n"
    assert run(loaded, "check").exit_code == 1


def test_down_all_goes_back_to_nothing(loaded: Loaded) -> None:
    run(loaded, "up")

    output = run(loaded, "down", "--all", "--yes").output

    assert output == "".join(f"Rolled back {name}\n" for name in reversed(ALL))


def test_down_asks_first(loaded: Loaded) -> None:
    run(loaded, "up")

    answer = CliRunner().invoke(migrate, ["down", "--all"], obj=loaded, input="n\n")

    assert answer.exit_code == 1
    assert answer.output.splitlines()[: len(ALL)] == [
        f"Will roll back {name}" for name in reversed(ALL)
    ]
    assert "This deletes tables" in answer.output
    assert run(loaded, "check").exit_code == 0


def test_down_goes_by_the_order_of_applying(loaded: Loaded, database: Path) -> None:
    run(loaded, "up")
    turned = Loaded(database, list(reversed(loaded.migration_folders)))

    answer = run(turned, "down", "later-0001-table")

    assert answer.output == "There was nothing to do.\n"
    assert run(loaded, "check").exit_code == 0


def test_down_to_what_is_not_applied_asks_nothing(loaded: Loaded) -> None:
    with pytest.raises(SchemaError, match="No migration 'nowhere'"):
        run(loaded, "down", "nowhere")


@pytest.mark.parametrize("arguments", [[], ["--all", FIRST]])
def test_down_wants_to_know_how_far(loaded: Loaded, arguments: list[str]) -> None:
    answer = run(loaded, "down", "--yes", *arguments)

    assert answer.exit_code == 2
    assert "--all" in answer.output


def test_down_from_a_newer_schema_is_refused(
    loaded: Loaded, folders: list[MigrationFolder]
) -> None:
    # ST-06: a downgrade is refused with a message
    run(loaded, "up")
    for path in folders[-1].path.iterdir():
        path.rename(path.with_name(path.name.replace("0001", "0000")))

    with pytest.raises(SchemaError, match="ahead of this program"):
        run(loaded, "down", "--all", "--yes")
