"""Hooks that are misspelt, async, or take what they are not given."""

from __future__ import annotations

import pytest

from agentbox.loader import HOOKS, load
from tests.loader.conftest import Install, InstallPlugin
from tests.loader.test_loading import faults, only_fault


def test_a_misspelt_hook_is_told_with_the_nearest_one(plugin: InstallPlugin, store: str) -> None:
    plugin("@hookimpl\ndef agentbox_authenticator_type(): return []")

    fault = only_fault("store", "ex")

    assert fault.startswith("Plugin 'ex' of agentbox-ex 1.0, hook agentbox_authenticator_type:")
    assert "Did you mean agentbox_authenticator_types?" in fault


def test_a_hook_that_is_nothing_like_any_lists_them_all(plugin: InstallPlugin, store: str) -> None:
    plugin("@hookimpl\ndef zzz(): return []")

    assert all(hook in only_fault("store", "ex") for hook in HOOKS)


def test_a_hook_without_its_mark_is_refused(plugin: InstallPlugin, store: str) -> None:
    plugin("def agentbox_routes(services): return []")

    assert "not marked, so it would never be called. Write @hookimpl" in only_fault("store", "ex")


def test_a_misspelt_hook_without_its_mark_is_refused(plugin: InstallPlugin, store: str) -> None:
    plugin("def agentbox_route(services): return []")

    assert "Did you mean agentbox_routes?" in only_fault("store", "ex")


@pytest.mark.parametrize("hook", HOOKS)
def test_an_async_hook_is_refused(plugin: InstallPlugin, store: str, hook: str) -> None:
    plugin(f"@hookimpl\nasync def {hook}(): return []")

    fault = only_fault("store", "ex")

    assert f"hook {hook}: it is `async def`" in fault
    assert f"Write `def {hook}(…)`" in fault


def test_an_async_generator_is_refused(plugin: InstallPlugin, store: str) -> None:
    plugin("@hookimpl\nasync def agentbox_routes():\n    yield None")

    assert "it is `async def`" in only_fault("store", "ex")


def test_an_async_function_under_another_name_is_refused(plugin: InstallPlugin, store: str) -> None:
    plugin("@hookimpl(specname='agentbox_jobs')\nasync def work(): return []")

    assert "hook agentbox_jobs: it is `async def`" in only_fault("store", "ex")


@pytest.mark.parametrize("option", ["wrapper", "hookwrapper"])
def test_a_wrapper_is_refused(plugin: InstallPlugin, store: str, option: str) -> None:
    plugin(f"@hookimpl({option}=True)\ndef agentbox_jobs():\n    yield")

    assert "it is a wrapper" in only_fault("store", "ex")


def test_a_parameter_that_the_hook_has_not_is_refused(plugin: InstallPlugin, store: str) -> None:
    plugin("@hookimpl\ndef agentbox_routes(services, app): return []")

    fault = only_fault("store", "ex")

    assert "hook agentbox_routes: its parameters are wrong" in fault
    assert "Write `def agentbox_routes(services)`" in fault


def test_each_fault_of_one_plugin_is_told(plugin: InstallPlugin, store: str) -> None:
    plugin("@hookimpl\nasync def agentbox_jobs(): return []\ndef agentbox_job(): return []")

    assert len(faults("store", "ex")) == 2


def test_functions_imported_from_elsewhere_are_not_mistaken_for_hooks(
    plugin: InstallPlugin, store: str
) -> None:
    plugin("from agentbox.plugin.spec import agentbox_routes")

    assert load(["store", "ex"]).names == ("store", "ex")


def test_a_module_that_breaks_when_it_is_looked_at_is_told(
    plugin: InstallPlugin, store: str
) -> None:
    plugin("def __dir__(): raise RuntimeError('no')")

    assert "looking at ex_plugin raised RuntimeError: no" in only_fault("store", "ex")


@pytest.mark.parametrize("target", ["objects:Plugin", "objects:plugin"])
def test_a_hook_without_its_mark_is_seen_in_classes_and_objects_too(
    distribution: Install, store: str, target: str
) -> None:
    source = """
    class Plugin:
        AGENTBOX_API = 1

        @staticmethod
        def agentbox_jobs(): return []

    plugin = Plugin()
    """
    distribution("agentbox-ex", {"ex": target}, objects=source)

    assert "hook agentbox_jobs: the function is not marked" in only_fault("store", "ex")
