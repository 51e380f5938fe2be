"""The hooks that offer types, and the faults of what they return."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentbox.loader import load
from agentbox.plugin import NoOptions
from tests.loader.conftest import InstallPlugin
from tests.loader.test_loading import faults, only_fault

HOOKS = {
    "agentbox_authenticator_types": "AuthenticatorType",
    "agentbox_storage_types": "StorageType",
    "agentbox_policy_types": "PolicyType",
    "agentbox_metric_source_types": "MetricSourceType",
    "agentbox_metric_sink_types": "MetricSinkType",
}


def test_hook_agentbox_authenticator_types_offers_authenticators(
    plugin: InstallPlugin, store: str
) -> None:
    plugin(
        """
        @hookimpl
        def agentbox_authenticator_types():
            kinds = "a", "b"
            return [AuthenticatorType(name=kind, open=print) for kind in kinds]
        """
    )

    types = load(["store", "ex"]).authenticator_types

    assert [(name, item.name) for name, item in types] == [("ex", "a"), ("ex", "b")]


def test_hook_agentbox_storage_types_offers_a_storage(store: str) -> None:
    types = load(["store"]).storage_types

    assert [(name, item.name) for name, item in types] == [("store", "store")]


def test_hook_agentbox_policy_types_offers_policies_in_configuration_order(
    plugin: InstallPlugin, store: str
) -> None:
    for name in ("one", "two"):
        plugin(
            f"""
            @hookimpl
            def agentbox_policy_types():
                return (PolicyType(name="{name}-policy", open=print),)
            """,
            name=name,
        )

    types = load(["two", "store", "one"]).policy_types

    assert [item.name for _, item in types] == ["two-policy", "one-policy"]


def test_hook_agentbox_metric_source_types_offers_sources(
    plugin: InstallPlugin, store: str
) -> None:
    plugin(
        """
        @hookimpl
        def agentbox_metric_source_types():
            return [MetricSourceType(name="load", open=print)]
        """
    )

    plugins = load(["store", "ex"])

    assert [(name, item.name) for name, item in plugins.metric_source_types] == [("ex", "load")]
    assert [each.metric_sources for each in plugins.describe() if each.enabled] == [(), ("load",)]


def test_hook_agentbox_metric_sink_types_offers_sinks(plugin: InstallPlugin, store: str) -> None:
    plugin(
        """
        @hookimpl
        def agentbox_metric_sink_types():
            return [MetricSinkType(name="file", open=print)]
        """
    )

    plugins = load(["store", "ex"])

    assert [(name, item.name) for name, item in plugins.metric_sink_types] == [("ex", "file")]
    assert [each.metric_sinks for each in plugins.describe() if each.enabled] == [(), ("file",)]


@pytest.mark.parametrize(("hook", "kind"), HOOKS.items())
@pytest.mark.parametrize(
    ("returned", "told"),
    [
        ("{kind}(name='x', {maker}=print)", "it returned one {kind} by itself. Return a list"),
        ("None", "it returned None. Return a list of {kind}, `[]` for none."),
        ("'text'", "it returned 'text'. Return a list of {kind}"),
        ("(x for x in ())", "it returned <generator"),
        ("{{1: 2}}", "it returned {{1: 2}}. Return a list of {kind}"),
        ("[7]", "it returned 7 in its list. Return only {kind}."),
        ("[None]", "it returned None in its list."),
        ("[{kind}]", "it returned the class {kind}. Return an instance of it."),
        ("1 / 0", "it raised ZeroDivisionError: division by zero."),
        ("__import__('sys').exit(2)", "it raised SystemExit: 2."),
        ("[{kind}(name='', {maker}=print)]", "has the name ''"),
        ("[{kind}(name='Upper', {maker}=print)]", "has the name 'Upper'"),
        ("[{kind}(name=7, {maker}=print)]", "has the name 7"),
        ("[{kind}(name='x', {maker}=7)]", "has {maker}=7. Give a callable"),
        ("[{kind}(name='x', {maker}=print, options=dict)]", "has the options <class 'dict'>"),
        ("[{kind}(name='x', {maker}=print, options=NoOptions())]", "has the options NoOptions()"),
    ],
)
def test_a_wrong_offer_names_plugin_hook_and_value(
    plugin: InstallPlugin, store: str, hook: str, kind: str, returned: str, told: str
) -> None:
    maker = "create" if kind == "StorageType" else "open"
    plugin(f"@hookimpl\ndef {hook}():\n    return {returned.format(kind=kind, maker=maker)}")

    fault = only_fault("store", "ex")

    assert fault.startswith(f"Plugin 'ex' of agentbox-ex 1.0, hook {hook}: ")
    assert told.format(kind=kind, maker=maker) in fault


def test_a_list_that_breaks_when_it_is_read_is_told(plugin: InstallPlugin, store: str) -> None:
    plugin(
        """
        class Broken(list):
            def __iter__(self):
                raise RuntimeError("no")

        @hookimpl
        def agentbox_policy_types():
            return Broken()
        """
    )

    assert "reading what it returned raised RuntimeError: no" in only_fault("store", "ex")


def test_a_value_whose_repr_raises_is_told_all_the_same(plugin: InstallPlugin, store: str) -> None:
    plugin(
        """
        class Odd:
            def __repr__(self):
                raise RuntimeError

        @hookimpl
        def agentbox_policy_types():
            return [Odd()]
        """
    )

    assert "<Odd instance at" in only_fault("store", "ex")


def test_one_bad_item_does_not_hide_another(plugin: InstallPlugin, store: str) -> None:
    plugin("@hookimpl\ndef agentbox_policy_types(): return [1, 2]")

    assert len(faults("store", "ex")) == 2


def test_one_name_of_two_plugins_is_refused(plugin: InstallPlugin, store: str) -> None:
    for name in ("one", "two"):
        plugin(
            """
            @hookimpl
            def agentbox_authenticator_types():
                return [AuthenticatorType(name="same", open=print)]
            """,
            name=name,
        )

    fault = only_fault("store", "one", "two")

    assert fault.startswith("Plugin 'two' of agentbox-two 1.0, hook agentbox_authenticator_types:")
    assert "'same', which is there already, from the plugin 'one' of agentbox-one 1.0" in fault


def test_one_name_twice_in_a_plugin_is_refused(plugin: InstallPlugin, store: str) -> None:
    plugin(
        """
        @hookimpl
        def agentbox_authenticator_types():
            return [AuthenticatorType(name="same", open=print)] * 2
        """
    )

    assert "there already, from itself" in only_fault("store", "ex")


OPTIONS = """
class First(Options, frozen=True):
    greeting: str = "hello"

class Second(Options, frozen=True):
    greeting: str = "hello"

@hookimpl
def agentbox_authenticator_types():
    return [AuthenticatorType(name="a", open=print, options=First)]

@hookimpl
def agentbox_policy_types():
    return [PolicyType(name="p", open=print, options={})]
"""


def test_the_options_of_a_plugin_are_those_of_its_types(plugin: InstallPlugin, store: str) -> None:
    plugin(OPTIONS.format("First"))

    options = load(["store", "ex"]).option_types

    assert (options["store"], options["ex"].__name__) == (NoOptions, "First")


def test_types_of_one_plugin_with_different_options_are_refused(
    plugin: InstallPlugin, store: str
) -> None:
    plugin(OPTIONS.format("Second"))

    assert "different options, First and Second (of 'p')" in only_fault("store", "ex")


ROUTES_ONLY = """
class Mine(Options, frozen=True):
    greeting: str = "hello"

AGENTBOX_OPTIONS = {}

@hookimpl
def agentbox_routes(services):
    return []
"""


def test_a_module_states_options_where_no_type_does(plugin: InstallPlugin, store: str) -> None:
    plugin(ROUTES_ONLY.format("Mine"))

    assert load(["store", "ex"]).option_types["ex"].__name__ == "Mine"


@pytest.mark.parametrize("stated", ["7", "Mine()", "dict"])
def test_options_of_a_module_that_are_no_class_of_options_are_refused(
    plugin: InstallPlugin, store: str, stated: str
) -> None:
    plugin(ROUTES_ONLY.format(stated))

    fault = only_fault("store", "ex")

    assert fault.startswith("Plugin 'ex' of agentbox-ex 1.0: AGENTBOX_OPTIONS is ")
    assert "made from agentbox.plugin.Options" in fault


@pytest.mark.parametrize(("module", "faulty"), [("First", False), ("Second", True)])
def test_a_module_and_its_types_state_the_same_options(
    plugin: InstallPlugin, store: str, module: str, faulty: bool
) -> None:
    plugin(OPTIONS.format("First") + f"\nAGENTBOX_OPTIONS = {module}\n")

    if not faulty:
        assert load(["store", "ex"]).option_types["ex"].__name__ == "First"
        return
    assert "different options, Second and First (of 'a')" in faults("store", "ex")[0]


def test_plugin_info_says_where_a_plugin_comes_from(store: str) -> None:
    info = load(["store"]).plugin_info("store")

    assert (info.distribution, info.version) == ("agentbox-store", "1.0")


def test_describe_says_what_enabled_plugins_provide_and_that_others_are_there(
    plugin: InstallPlugin, store: str, tmp_path: Path
) -> None:
    plugin("raise SystemExit", name="idle")
    plugin(OPTIONS.format("First"))

    described = {each.name: each for each in load(["store", "ex"]).describe()}

    assert list(described)[:2] == ["store", "ex"]
    assert described["ex"].authenticators == ("a",)
    assert described["ex"].policies == ("p",)
    assert described["ex"].hooks == ("agentbox_authenticator_types", "agentbox_policy_types")
    assert described["store"].storages == ("store",)
    assert not described["idle"].enabled
