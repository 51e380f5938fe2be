"""Routes that plugins offer: where they are mounted, and which are refused."""

from __future__ import annotations

import pytest

from tests.loader.conftest import InstallPlugin, faults_of, loaded, services

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


def test_a_route_may_offer_further_forms_of_its_answer(plugin: InstallPlugin, store: str) -> None:
    plugin(
        ROUTE.format("[route(response=NoOptions, representations={'text/csv; header=x': bytes})]")
    )

    assert len(loaded("ex").routes(services)) == 1


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
        ("also=(404,)", "further statuses that are no success"),
        ("also=204", "further statuses that are no success"),
        ("also=('302',)", "further statuses that are no success"),
        ("probe=True", "is a probe"),
        ("representations={'text/csv': bytes}", "representations that are none"),  # of what?
        ("response=NoOptions, representations=None", "representations that are none"),
        ("response=NoOptions, representations={'text/csv': None}", "representations that are none"),
        ("response=NoOptions, representations={'csv': bytes}", "representations that are none"),
        ("response=NoOptions, representations={'*/*': bytes}", "representations that are none"),
        ("response=NoOptions, representations={'a/b\\nc: d': bytes}", "representations that are"),
        (
            "access=Access(kind='any', environment=Permission.VIEWER)",
            "asks for a permission on an environment and names none",
        ),
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
