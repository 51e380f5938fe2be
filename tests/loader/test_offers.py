"""Jobs, migrations, commands and events: what hooks offer beside types and routes."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click
import pytest

from agentbox.model.audit import AuditEvent
from tests.loader.conftest import InstallPlugin, faults_of, loaded, services

JOB = """
from datetime import timedelta

class Work(Job):
    name = "ex-work"
    interval = timedelta(seconds=1)
    async def run(self, run): ...

def job(**changes):
    made = Work()
    vars(made).update(changes)
    return made

@hookimpl
def agentbox_jobs(services):
    return {}
"""


def test_hook_agentbox_jobs_offers_jobs(plugin: InstallPlugin, store: str) -> None:
    plugin(JOB.format("[job(), job(name=f'ex-{len(services)}')]"))

    jobs = loaded("ex").jobs(services)

    assert [(name, job.name) for name, job in jobs] == [("ex", "ex-work"), ("ex", "ex-14")]


@pytest.mark.parametrize(
    "changes",
    [
        "interval=None, cron='*/5 * * * *', jitter=timedelta(minutes=1)",
        "everywhere=True, description='Works.'",
        "run_missed=True",
    ],
)
def test_jobs_of_every_kind_are_taken(plugin: InstallPlugin, store: str, changes: str) -> None:
    plugin(JOB.format(f"[job({changes})]"))

    assert [job.name for _, job in loaded("ex").jobs(services)] == ["ex-work"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ("name='work'", "a job is named 'work'. Write `ex-<word>`"),
        ("name=7", "a job is named 7"),
        ("name='ex-'", "a job is named 'ex-'"),
        ("interval=30", "has interval=30"),
        ("interval=timedelta(0)", "Give a positive timedelta"),
        ("timeout=None", "has timeout=None"),
        ("interval=None", "has interval=None. Give a positive timedelta, or state cron"),
        ("cron='0 3 * * *'", "and cron='0 3 * * *'. State one of them"),
        ("interval=None, cron='0 25 * * *'", "cron='0 25 * * *': bad hour"),
        ("interval=None, cron='0 0 30 2 *'", "cron='0 0 30 2 *': bad day-of-month"),
        ("interval=None, cron='@daily'", "wrong number of fields"),
        ("interval=None, cron=3", "cron=3: that is no text"),
        ("jitter=5", "jitter=5. Give a timedelta"),
        ("jitter=timedelta(seconds=-1)", "Give a timedelta that is not negative"),
        ("jitter=timedelta(seconds=1)", "Give less than its interval"),
        ("everywhere=1", "everywhere=1. Give True or False"),
        ("run_missed='yes'", "run_missed='yes'. Give True or False"),
        ("everywhere=True, run_missed=True", "Nobody knows which of its runs were missed"),
        ("description=None", "description=None. Give a text"),
        ("run=print", "not `async def`"),
    ],
)
def test_a_wrong_job_is_refused(plugin: InstallPlugin, store: str, changes: str, told: str) -> None:
    plugin(JOB.format(f"[job({changes})]"))

    (fault,) = faults_of(lambda: loaded("ex").jobs(services))

    assert fault.startswith("Plugin 'ex' of agentbox-ex 1.0, hook agentbox_jobs: ")
    assert told in fault


def test_a_job_without_an_interval_is_refused(plugin: InstallPlugin, store: str) -> None:
    plugin(JOB.replace("    interval = timedelta(seconds=1)\n", "").format("[job()]"))

    (fault,) = faults_of(lambda: loaded("ex").jobs(services))

    assert "has interval=None" in fault


def test_the_class_of_a_job_is_refused(plugin: InstallPlugin, store: str) -> None:
    plugin(JOB.format("[Work]"))

    (fault,) = faults_of(lambda: loaded("ex").jobs(services))

    assert "the class Work. Return an instance of it." in fault


def test_two_jobs_with_one_name_are_refused(plugin: InstallPlugin, store: str) -> None:
    plugin(JOB.format("[job(), job()]"))

    (fault,) = faults_of(lambda: loaded("ex").jobs(services))

    assert "it offers job ex-work, which is there already, from itself" in fault


FOLDERS = """
from pathlib import Path

HERE = Path(__file__).parent

@hookimpl
def agentbox_migration_folders(backend):
    return [{}] if backend == "sqlite" else []
"""


def test_hook_agentbox_migration_folders_is_asked_by_backend(
    plugin: InstallPlugin, store: str
) -> None:
    plugin(
        "import pathlib\npathlib.Path(__file__).with_name('ex-0001-first.sql').touch()\n"
        + FOLDERS.format("MigrationFolder(plugin='ex', path=HERE)")
    )
    plugins = loaded("ex")

    assert [folder.plugin for folder in plugins.migration_folders("sqlite")] == ["ex"]
    assert plugins.migration_folders("postgres") == []


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("MigrationFolder(plugin='ex', path=HERE / 'absent')", "there is no migration in"),
        ("MigrationFolder(plugin='ex', path=HERE)", "there is no migration in"),
        ("MigrationFolder(plugin='ex', path='here')", "looking at what it returned raised"),
        ("HERE", "in its list. Return only MigrationFolder."),
    ],
)
def test_a_wrong_folder_is_refused(
    plugin: InstallPlugin, store: str, folder: str, told: str
) -> None:
    plugin(FOLDERS.format(folder))

    (fault,) = faults_of(lambda: loaded("ex").migration_folders("sqlite"))

    assert told in fault


def test_a_folder_in_the_name_of_another_plugin_is_refused(
    plugin: InstallPlugin, store: str
) -> None:
    plugin(FOLDERS.format("MigrationFolder(plugin='sqlite', path=HERE)"))

    found = faults_of(lambda: loaded("ex").migration_folders("sqlite"))

    assert any("says plugin='sqlite'" in fault for fault in found)


MADE = """
import pathlib
from datetime import timedelta
DAY = timedelta(days=1)
pathlib.Path(__file__).with_name("ex-0001-first.sql").write_text(
    "-- CREATE TABLE said ()\\n"
    "CREATE TABLE visits (\\n id text PRIMARY KEY, seen_at integer);\\n"
    "create table if not exists old_calls (made integer);\\n"
    "ALTER TABLE old_calls RENAME TO calls;"
)
pathlib.Path(__file__).with_name("ex-0001-first.rollback.sql").write_text(
    "CREATE TABLE back (made integer)"
)
"""


@pytest.mark.parametrize("table", ["'visits': ('seen_at', DAY)", "'calls': ('made', DAY)"])
def test_a_plugin_says_how_long_rows_of_its_tables_are_kept(
    plugin: InstallPlugin, store: str, table: str
) -> None:
    folder = f"MigrationFolder(plugin='ex', path=HERE, retention={{{table}}})"
    plugin(MADE + FOLDERS.format(folder))

    (folder,) = loaded("ex").migration_folders("sqlite")

    assert len(folder.retention) == 1


@pytest.mark.parametrize(
    ("retention", "told"),
    [
        ("{'users': ('created_at', DAY)}", "a table that its migrations don't make"),
        ("{'said': ('made', DAY)}", "a table that its migrations don't make"),
        ("{'back': ('made', DAY)}", "a table that its migrations don't make"),
        ("{'visit': ('seen_at', DAY)}", "a table that its migrations don't make"),
        ("{'visits': ('seen', DAY)}", "about a column 'seen'"),
        ("{'visits': ('seen_at; DROP', DAY)}", "names no plain table and column"),
        ("{'a\"b': ('seen_at', DAY)}", "names no plain table and column"),
        ("{7: ('seen_at', DAY)}", "names no plain table and column"),
        ("{'visits': ('seen_at', 30)}", "is 30. Give a positive timedelta"),
        ("{'visits': ('seen_at', -DAY)}", "Give a positive timedelta"),
        ("{'visits': DAY}", "Give the name of a column and a timedelta"),
        ("['visits']", "Give a mapping"),
    ],
)
def test_a_wrong_retention_is_refused(
    plugin: InstallPlugin, store: str, retention: str, told: str
) -> None:
    folder = f"MigrationFolder(plugin='ex', path=HERE, retention={retention})"
    plugin(MADE + FOLDERS.format(folder))

    (fault,) = faults_of(lambda: loaded("ex").migration_folders("sqlite"))

    assert "Plugin 'ex' of agentbox-ex 1.0, hook agentbox_migration_folders" in fault
    assert told in fault


COMMANDS = """
import click

@hookimpl
def agentbox_commands():
    return {}
"""


def test_hook_agentbox_commands_offers_commands(plugin: InstallPlugin, store: str) -> None:
    plugin(COMMANDS.format("[click.Command('hello')]"))

    commands = loaded("ex").commands(click.Command)

    assert [(name, command.name) for name, command in commands.offered] == [("ex", "hello")]


@pytest.mark.parametrize("returned", ["1 / 0", "None", "__import__('sys').exit()"])
def test_commands_that_break_are_missing_and_all_others_work(
    plugin: InstallPlugin, store: str, returned: str
) -> None:
    plugin(COMMANDS.format(returned), name="bad")
    plugin(COMMANDS.format("[click.Command('hello')]"), name="good")

    commands = loaded("bad", "good").commands(click.Command)

    assert [name for name, _ in commands.offered] == ["good"]
    ((name, reason),) = commands.missing
    assert (name, reason[:51]) == ("bad", "Plugin 'bad' of agentbox-bad 1.0, hook agentbox_com")


EVENT = AuditEvent(
    id="1", time=datetime(2026, 1, 2, tzinfo=UTC), event="user.create", actor="system", target=None
)

LISTENER = """
heard = []

@hookimpl
def agentbox_event(event):
    {}
"""


def test_hook_agentbox_event_tells_every_plugin(plugin: InstallPlugin, store: str) -> None:
    plugin(LISTENER.format("heard.append(event.event)"))

    assert loaded("ex").tell(EVENT) == []
    assert sys.modules["ex_plugin"].heard == ["user.create"]


def test_a_listener_that_raises_keeps_the_event_from_no_other(
    plugin: InstallPlugin, store: str
) -> None:
    plugin(LISTENER.format("raise SystemExit('bye')"), name="bad")
    plugin(LISTENER.format("heard.append(event.event)"), name="good")

    failed = loaded("bad", "good").tell(EVENT)

    assert [(name, repr(error)) for name, error in failed] == [("bad", "SystemExit('bye')")]
    assert sys.modules["good_plugin"].heard == ["user.create"]


def test_what_a_listener_returns_is_of_no_consequence(plugin: InstallPlugin, store: str) -> None:
    plugin(LISTENER.format("return 7"))

    assert loaded("ex").tell(EVENT) == []
