"""The hooks that are called with services, by the command line, or after a change."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any, cast

import click
import pytest

from agentbox.errors import PluginError
from agentbox.loader import Plugins, load
from agentbox.model.audit import AuditEvent
from agentbox.plugin import Services
from tests.loader.conftest import InstallPlugin


def services(name: str) -> Services:
    """The loader only hands services on; a text shows whose they are."""
    return cast(Services, f"services of {name}")


def loaded(*names: str) -> Plugins:
    return load(["store", *names])


def faults_of(call: Any) -> tuple[str, ...]:
    with pytest.raises(PluginError) as caught:
        call()
    return caught.value.faults


ROUTE = """
from agentbox.model.access.roles import Permission, Role
from agentbox.model.access.route import PUBLIC, SESSION, Access, scoped

async def handler(request): ...

def route(**changes):
    row = dict(method="GET", path="/hello", access=SESSION, handler=handler, summary="Says hello")
    return Route(**(row | changes))

@hookimpl
def agentbox_routes(services):
    return {}
"""


def test_hook_agentbox_routes_mounts_each_route_under_its_plugin(
    plugin: InstallPlugin, store: str
) -> None:
    plugin(ROUTE.format("[route(), route(path='/things/{thing_id}', tag='things')]"))

    routes = loaded("ex").routes(services)

    assert [(name, r.path, r.tag) for name, r in routes] == [
        ("ex", "/api/v1/x/ex/hello", "ex"),
        ("ex", "/api/v1/x/ex/things/{thing_id}", "things"),
    ]


def test_hook_agentbox_routes_is_given_the_services_of_its_plugin(
    plugin: InstallPlugin, store: str
) -> None:
    plugin(ROUTE.format("[route(summary=services)]"))

    assert [r.summary for _, r in loaded("ex").routes(services)] == ["services of ex"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ("method='get'", "has no such method"),
        ("method='TRACE'", "has no such method"),
        ("path='hello'", "has no proper path"),
        ("path=''", "has no proper path"),
        ("path='/hello/'", "has no proper path"),
        ("path='/'", "has no proper path"),
        ("path='/a//b'", "has no proper path"),
        ("path='/../users'", "has no proper path"),
        ("path='/a b'", "has no proper path"),
        ("path='/{a}/{a}'", "has no proper path"),
        ("path='/{a:.*}'", "has no proper path"),
        ("path='/a%2fb'", "has no proper path"),
        ("access=None", "states no access"),
        ("access='public'", "states no access"),
        ("handler=lambda request: None", "a handler that is not `async def`"),
        ("summary=' '", "has no summary"),
        ("body=dict", "not a msgspec Struct"),
        ("response=NoOptions()", "not a msgspec Struct"),
        ("status=404", "a status that is no success"),
        ("probe=True", "is a probe"),
        ("access=Access(kind='any', environment=Permission.VIEWER)", "does not have environments"),
        ("access=scoped('other:act')", "asks for the scope 'other:act'"),
        ("access=scoped('ex:Act')", "asks for the scope 'ex:Act'"),
        ("access=scoped('users:frob')", "asks for the scope 'users:frob'"),
        ("access=scoped('ex:act', self_scope='other:act')", "asks for the scope 'other:act'"),
    ],
)
def test_a_wrong_route_is_refused(
    plugin: InstallPlugin, store: str, changes: str, told: str
) -> None:
    plugin(ROUTE.format(f"[route({changes})]"))

    (fault,) = faults_of(lambda: loaded("ex").routes(services))

    assert fault.startswith("Plugin 'ex' of agentbox-ex 1.0, hook agentbox_routes: the route ")
    assert told in fault


def test_an_access_that_contradicts_itself_is_told_with_its_hook(
    plugin: InstallPlugin, store: str
) -> None:
    plugin(ROUTE.format("[route(access=Access(kind='public', fresh=True))]"))

    (fault,) = faults_of(lambda: loaded("ex").routes(services))

    assert "hook agentbox_routes: it raised ValueError: a public route" in fault


ADMINS = "Access(kind='scoped', scope='ex:act', min_role=Role.ADMIN)"


@pytest.mark.parametrize("other", ["scoped('ex:act')", "scoped('ex:more', self_scope='ex:act')"])
def test_a_scope_with_two_lowest_roles_is_refused(
    plugin: InstallPlugin, store: str, other: str
) -> None:
    plugin(ROUTE.format(f"[route(access={ADMINS}), route(path='/b', access={other})]"))

    (fault,) = faults_of(lambda: loaded("ex").routes(services))

    assert "scope 'ex:act' is for admin and above with GET /api/v1/x/ex/hello, and for" in fault


def test_a_scope_of_several_routes_with_one_lowest_role_is_fine(
    plugin: InstallPlugin, store: str
) -> None:
    plugin(ROUTE.format(f"[route(access={ADMINS}), route(path='/b', access={ADMINS})]"))

    assert len(loaded("ex").routes(services)) == 2


@pytest.mark.parametrize("scope", ["ex:act", "self:read"])
def test_a_route_may_ask_for_its_own_scopes_and_for_closed_ones(
    plugin: InstallPlugin, store: str, scope: str
) -> None:
    plugin(ROUTE.format(f"[route(access=scoped('{scope}'))]"))

    assert [r.access.scope for _, r in loaded("ex").routes(services)] == [scope]


def test_an_object_with_an_async_call_may_be_a_handler(plugin: InstallPlugin, store: str) -> None:
    plugin(
        "class Handler:\n    async def __call__(self, request): ...\n"
        + ROUTE.format("[route(handler=Handler())]")
    )

    assert len(loaded("ex").routes(services)) == 1


def test_two_routes_that_differ_in_the_name_of_a_parameter_are_one(
    plugin: InstallPlugin, store: str
) -> None:
    plugin(ROUTE.format("[route(path='/{a}'), route(path='/{b}')]"))

    (fault,) = faults_of(lambda: loaded("ex").routes(services))

    assert "GET /api/v1/x/ex/{}, which is there already" in fault


def test_one_path_with_two_methods_is_two_routes(plugin: InstallPlugin, store: str) -> None:
    plugin(ROUTE.format("[route(), route(method='PUT')]"))

    assert len(loaded("ex").routes(services)) == 2


def test_faults_of_all_routes_of_all_plugins_are_told_together(
    plugin: InstallPlugin, store: str
) -> None:
    plugin(ROUTE.format("[route(path='x'), 7]"), name="one")
    plugin(ROUTE.format("1 / 0"), name="two")

    assert len(faults_of(lambda: loaded("one", "two").routes(services))) == 3


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
    ("changes", "told"),
    [
        ("name='work'", "a job is named 'work'. Write `ex-<word>`"),
        ("name=7", "a job is named 7"),
        ("name='ex-'", "a job is named 'ex-'"),
        ("interval=30", "has interval=30"),
        ("interval=timedelta(0)", "Give a positive timedelta"),
        ("timeout=None", "has timeout=None"),
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
