"""A plugin says how long its rows are kept, and a server keeps them no longer."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.backend import database_in
from tests.e2e.test_process import wait_until
from tests.process import STRONG_PASSWORD, agentbox, environment, serving

SOURCE = """
from datetime import timedelta
from pathlib import Path

from agentbox.plugin import MigrationFolder, hookimpl

AGENTBOX_API = 1


@hookimpl
def agentbox_migration_folders(backend):
    folder = Path(__file__).parent / "migrations" / backend
    kept = {"badge_visits": ("seen_at", timedelta(days=30))}
    return [MigrationFolder(plugin="badges", path=folder, retention=kept)]
"""
KINDS = {"sqlite": ("INTEGER", "{} * 1000000"), "postgres": ("timestamptz", "to_timestamp({})")}
DAY = 86_400


def with_badges(folder: Path, seen_at: str) -> dict[str, str]:
    """The environment of a server with the plugin, installed in a folder of its own."""
    site, storage = folder / "site", database_in(folder).name
    about, migrations = site / "agentbox_badges-1.dist-info", site / "migrations" / storage
    for path in (about, migrations):
        path.mkdir(parents=True, exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: agentbox-badges\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[agentbox]\nbadges = agentbox_badges\n")
    (site / "agentbox_badges.py").write_text(SOURCE)
    (migrations / "badges-0001-first.sql").write_text(
        f"CREATE TABLE badge_visits (id TEXT PRIMARY KEY, {seen_at} {KINDS[storage][0]});\n"
        f"CREATE INDEX badge_visits_by_time ON badge_visits ({seen_at});\n"
    )
    (migrations / "badges-0001-first.rollback.sql").write_text("DROP TABLE badge_visits;\n")
    return environment(
        PYTHONPATH=str(site),
        AGENTBOX_ADMIN_PASSWORD=STRONG_PASSWORD,
        AGENTBOX_PLUGINS__ENABLED=f"{storage},password,jwt,apikey,badges",
    )


def test_rows_of_a_plugin_are_deleted_as_it_says(tmp_path: Path) -> None:
    env, database = with_badges(tmp_path, "seen_at"), database_in(tmp_path)
    with serving(tmp_path, env=env) as server:
        for name, days in (("old", 31), ("new", 29)):
            moment = KINDS[database.name][1].format(int(time.time()) - days * DAY)
            database.run(f"INSERT INTO badge_visits VALUES ('{name}', {moment})")
        assert agentbox(tmp_path, "jobs", "run", "purge-expired", env=env).returncode == 0

        def left() -> list[tuple[str, ...]]:
            return database.run("SELECT id FROM badge_visits ORDER BY id")

        wait_until(lambda: left() == [("new",)], "the old row is gone", 20)
        assert server.stop(signal.SIGTERM) == 0


def test_a_retention_of_what_is_not_there_stops_the_start_by_name(tmp_path: Path) -> None:
    env = with_badges(tmp_path, "noted_at")
    refused = agentbox(tmp_path, "serve", "--port", "0", env=env)

    assert refused.returncode == 3
    assert "Plugin 'badges' of agentbox-badges 1" in refused.stderr
    assert "about a column 'seen_at'" in refused.stderr
    assert "Traceback" not in refused.stderr
