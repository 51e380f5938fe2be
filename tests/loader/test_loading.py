"""Which plugins are imported, and what stops the start."""

from __future__ import annotations

import sys

import pytest

from agentbox.errors import PluginError
from agentbox.loader import installed, load
from tests.loader.conftest import STORAGE, Install, InstallPlugin


def faults(*enabled: str) -> tuple[str, ...]:
    with pytest.raises(PluginError) as caught:
        load(enabled)
    return caught.value.faults


def only_fault(*enabled: str) -> str:
    (fault,) = faults(*enabled)
    assert "\n" not in fault
    return fault


def test_plugins_come_in_the_order_of_the_configuration(plugin: InstallPlugin, store: str) -> None:
    plugin("", name="bb")
    plugin("", name="aa")

    assert load(["bb", "store", "aa"]).names == ("bb", "store", "aa")


def test_two_loads_share_nothing(plugin: InstallPlugin, store: str) -> None:
    plugin("")

    assert (load(["store", "ex"]).names, load(["store"]).names) == (("store", "ex"), ("store",))


def test_a_plugin_that_is_not_enabled_is_not_imported(
    distribution: Install, store: str
) -> None:  # PL-05
    distribution("agentbox-rogue", {"rogue": "rogue_module"}, rogue_module="raise SystemExit(3)")

    load(["store"])

    assert "rogue_module" not in sys.modules


def test_listing_installed_plugins_imports_none(distribution: Install) -> None:
    distribution("agentbox-rogue", {"rogue": "rogue_module"}, rogue_module="raise SystemExit(3)")

    found = [p for p in installed() if p.name == "rogue"]

    assert [(p.distribution, p.version, p.target) for p in found] == [
        ("agentbox-rogue", "1.0", "rogue_module")
    ]
    assert "rogue_module" not in sys.modules


def test_a_name_that_is_not_installed_is_told_with_the_nearest_one(store: str) -> None:
    fault = only_fault("stor")

    assert "'stor' is enabled and not installed. Did you mean 'store'?" in fault
    assert "pip install" in fault


def test_two_distributions_with_one_enabled_name_are_both_named(
    distribution: Install, store: str
) -> None:
    distribution("agentbox-one", {"ex": "one"}, one="raise SystemExit(3)")
    distribution("agentbox-two", {"ex": "two"}, version="2.5", two="raise SystemExit(3)")

    fault = only_fault("store", "ex")

    assert "agentbox-one 1.0 (one)" in fault
    assert "agentbox-two 2.5 (two)" in fault
    assert not {"one", "two"} & set(sys.modules)


def test_two_distributions_with_one_name_that_is_not_enabled_hurt_nobody(
    distribution: Install, store: str
) -> None:
    distribution("agentbox-one", {"ex": "one"})
    distribution("agentbox-two", {"ex": "two"})

    assert load(["store"]).names == ("store",)


def test_one_distribution_seen_twice_on_the_path_is_no_duplicate(distribution: Install) -> None:
    distribution("Agentbox.Store", {"store": "store_module"}, store_module=STORAGE)
    distribution("agentbox-store", {"store": "store_module"}, store_module=STORAGE)

    assert load(["store"]).names == ("store",)


def test_a_name_enabled_twice_is_refused(store: str) -> None:
    assert "more than once" in only_fault("store", "store")


@pytest.mark.parametrize("name", ["Store", "my-store", "../store", "", "s:t", "1st"])
def test_a_name_that_no_path_or_variable_can_hold_is_refused(name: str, store: str) -> None:
    assert "can't be enabled" in only_fault("store", name)


@pytest.mark.parametrize("name", ["enabled", "users", "self"])
def test_a_name_that_agentbox_uses_itself_is_refused(name: str, store: str) -> None:
    assert "uses itself" in only_fault("store", name)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def broken(", "SyntaxError"),
        ("raise BaseException('odd')", "BaseException: odd"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines"),
    ],
)
def test_whatever_an_import_raises_is_told(
    plugin: InstallPlugin, store: str, statement: str, told: str
) -> None:
    plugin(statement)

    fault = only_fault("store", "ex")

    assert fault.startswith("Plugin 'ex' of agentbox-ex 1.0: importing ex_plugin raised")
    assert told in fault


def test_an_entry_point_to_a_missing_module_is_told(distribution: Install, store: str) -> None:
    distribution("agentbox-ex", {"ex": "nowhere_at_all"})

    assert "No module named 'nowhere_at_all'" in only_fault("store", "ex")


def test_ctrl_c_during_an_import_stays_ctrl_c(plugin: InstallPlugin, store: str) -> None:
    plugin("raise KeyboardInterrupt")

    with pytest.raises(KeyboardInterrupt):
        load(["store", "ex"])


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ("del AGENTBOX_API", "add `AGENTBOX_API = 1` to ex_plugin"),
        ("AGENTBOX_API = 2", "written for version 2 of the plugin contract"),
        ("AGENTBOX_API = '1'", "written for version '1'"),
        ("AGENTBOX_API = True", "written for version True"),
    ],
)
def test_a_plugin_for_another_contract_is_refused(
    plugin: InstallPlugin, store: str, stated: str, told: str
) -> None:
    plugin(stated)

    assert told in only_fault("store", "ex")


def test_all_faults_of_all_plugins_are_told_together(
    plugin: InstallPlugin, distribution: Install
) -> None:
    plugin("AGENTBOX_API = 7", name="first")
    plugin("raise RuntimeError", name="second")

    found = faults("first", "second", "absent")

    assert [fault.split("'")[1] for fault in found] == ["first", "second", "absent"]


def test_the_text_of_the_error_holds_every_fault(plugin: InstallPlugin) -> None:
    with pytest.raises(PluginError) as caught:
        load(["absent", "missing"])

    assert str(caught.value).splitlines() == list(caught.value.faults)


def test_no_storage_is_refused(plugin: InstallPlugin) -> None:
    plugin("")

    assert "No storage is enabled" in only_fault("ex")


def test_a_missing_storage_is_not_told_when_its_plugin_could_not_be_loaded(
    plugin: InstallPlugin,
) -> None:
    plugin("AGENTBOX_API = 7")

    assert "No storage" not in only_fault("ex")


def test_two_storages_are_both_named(plugin: InstallPlugin, store: str) -> None:
    plugin(
        """
        @hookimpl
        def agentbox_storage_types():
            return [StorageType(name="other", create=lambda services: None)]
        """
    )

    fault = only_fault("store", "ex")

    assert "'store' (plugin 'store' of agentbox-store 1.0)" in fault
    assert "'other' (plugin 'ex' of agentbox-ex 1.0)" in fault


def test_two_entry_points_to_one_module_are_refused(distribution: Install, store: str) -> None:
    distribution("agentbox-ex", {"ex": "both", "why": "both"}, both="AGENTBOX_API = 1")

    assert "names the same object as plugin 'ex'" in only_fault("store", "ex", "why")


def test_a_plugin_may_be_an_object_of_a_module(distribution: Install, store: str) -> None:
    source = """
    class Plugin:
        AGENTBOX_API = 1

    plugin = Plugin()
    """
    distribution("agentbox-ex", {"ex": "objects:plugin"}, objects=source)

    assert load(["store", "ex"]).names == ("store", "ex")
