"""The first pass: file, environment and command line to raw values, and the plugins' names.

Nothing is typed here, because the types of plugins' options are known only once the plugins that
are named here have been loaded.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from msgspec import Struct

from agentbox.config.raw.environment import CONFIG_VARIABLE, Variables, read_environment
from agentbox.config.raw.toml_file import FileSettings, read_settings_file
from agentbox.config.raw.tree import Leaf, Origin, Table, at, fault_of
from agentbox.config.schema import DEFAULT_PLUGINS, SECTIONS
from agentbox.config.wording import did_you_mean

DEFAULT_FILE = Path("agentbox.toml")

METRICS = "metrics"
"""The plugin with our own sources and the sink `database`."""


class Sources(Struct, frozen=True, kw_only=True):
    """What was said, by name: which plugins, which raw values from where, what is wrong so far.

    `path` is the settings file, None without one. `faults` are those of this pass alone; the
    second pass reports them again together with its own.
    """

    path: Path | None
    enabled: tuple[str, ...]
    root: Table
    enabled_origin: Origin | None = None
    authenticators: tuple[Table, ...] = ()
    faults: tuple[str, ...] = ()


def read_sources(
    config_path: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object] | None = None,
) -> Sources:
    """Read the settings file, `AGENTBOX_*` and the command line; raises nothing.

    The file is `config_path`, else the one that AGENTBOX_CONFIG names, else `./agentbox.toml` if
    it is there. The environment wins over the file, and `overrides` (by dotted setting, such as
    `server.port`) win over both.
    """
    variables = read_environment(environ)
    path, faults = _path(config_path, variables)
    file = read_settings_file(path) if path else FileSettings(Table(), [], [])
    faults += file.faults
    _check_tables(file.root, faults)
    enabled = _enabled(file.root, variables, faults)
    for where, leaf in variables.values.items():
        file.root.put(_spelled(where, enabled, file.root), leaf)
    for dotted, value in (overrides or {}).items():
        if value is not None:
            origin = Origin("command line", "--" + dotted.rpartition(".")[2].replace("_", "-"))
            file.root.put(tuple(dotted.split(".")), Leaf(value, origin))
    listed = file.root.table("plugins").children.get("enabled")
    return Sources(
        path=path,
        enabled=_implied(enabled, variables, file.root),
        root=file.root,
        enabled_origin=listed.origin if listed else None,
        authenticators=tuple(file.authenticators),
        faults=(*faults, *variables.faults),
    )


def _path(given: Path | None, variables: Variables) -> tuple[Path | None, list[str]]:
    if given is not None:
        return given, []
    if variables.config:
        return Path(variables.config), []
    if variables.config == "":
        return None, [f"{CONFIG_VARIABLE}: is set but empty; name the settings file or unset it."]
    return (DEFAULT_FILE if DEFAULT_FILE.exists() else None), []


def _check_tables(root: Table, faults: list[str]) -> None:
    """Top level names are sections; `[plugins]` holds `enabled` and tables."""
    for name, node in list(root.children.items()):
        if name not in {*SECTIONS, "plugins"}:
            known = (*SECTIONS, "plugins", "authenticators")
            sentence = f"there is no such section{did_you_mean(name, known)}"
            faults.append(fault_of(at(node.origin, name), sentence))
        elif isinstance(node, Leaf):
            faults.append(f"{at(node.origin, name)}: {_table_wanted(name)}.")
        else:
            continue
        del root.children[name]
    for name, node in list(root.table("plugins").children.items()):
        if name != "enabled" and isinstance(node, Leaf):
            guess = did_you_mean(name, ["enabled"]) or "; its options stand in [plugins.<name>]"
            sentence = f"[plugins] holds enabled and one table for each plugin{guess}"
            faults.append(fault_of(at(node.origin, f"plugins.{name}"), sentence))
            del root.table("plugins").children[name]


def _table_wanted(name: str) -> str:
    if name == "plugins":
        return 'write enabled = ["…"] in a section [plugins]'
    return f"write its settings in a section [{name}]"


def _enabled(root: Table, variables: Variables, faults: list[str]) -> tuple[str, ...]:
    """The plugins that the environment or else the file names, or the default."""
    leaf = variables.values.get(("plugins", "enabled"))
    node = leaf or root.table("plugins").children.get("enabled")
    if node is None:
        return DEFAULT_PLUGINS
    raw = node.raw if isinstance(node, Leaf) else None
    if leaf is not None and isinstance(raw, str):
        raw = [name.strip() for name in raw.split(",") if name.strip()]
    where = at(node.origin, "plugins.enabled")
    if not isinstance(raw, list) or not all(isinstance(name, str) for name in raw) or not raw:
        faults.append(f"{where}: list the plugins to enable, such as {', '.join(DEFAULT_PLUGINS)}.")
        return DEFAULT_PLUGINS
    if repeated := sorted({name for name in raw if raw.count(name) > 1}):
        faults.append(f"{where}: {', '.join(repeated)} is named twice.")
    return tuple(dict.fromkeys(raw))


def _implied(enabled: tuple[str, ...], variables: Variables, root: Table) -> tuple[str, ...]:
    """A DSN in the environment names postgres in place of sqlite, and wins over the file; metrics
    that are not switched off name the plugin that brings ours."""
    dsn = [("plugins", "postgres", "dsn"), ("plugins", "postgres", "dsn_file")]
    if any(path in variables.values for path in dsn) and "postgres" not in enabled:
        if "sqlite" in enabled:
            enabled = tuple("postgres" if name == "sqlite" else name for name in enabled)
        else:
            enabled = ("postgres", *enabled)
    if variables.google and "google" not in enabled:
        enabled = (*enabled, "google")
    if METRICS not in enabled and not _metrics_off(root):
        enabled = (*enabled, METRICS)
    return enabled


def _metrics_off(root: Table) -> bool:
    """Whether `[metrics] enabled` says false; what it says else, if it is wrong, is told later."""
    node = root.table("metrics").children.get("enabled")
    return isinstance(node, Leaf) and str(node.raw).lower() in {"false", "0"}


def _spelled(path: tuple[str, ...], enabled: tuple[str, ...], root: Table) -> tuple[str, ...]:
    """Variables can't hold hyphens and capitals: `MY_PLUGIN` means an enabled `my-plugin`, and
    `MY_IDP` further on a table `my-idp` that the file has there."""
    if path[0] != "plugins" or len(path) < 3:
        return path
    spelled: tuple[str, ...] = ("plugins", _meant(path[1], enabled))
    for name in path[2:-1]:
        spelled = (*spelled, _meant(name, root.table(*spelled).children))
    return (*spelled, path[-1])


def _meant(name: str, known: Collection[str]) -> str:
    """The one of `known` that a variable writes so; the name itself if none or several are."""
    if name in known:
        return name
    alike = [each for each in known if re.sub(r"[^a-z0-9]", "_", each.lower()) == name]
    return alike[0] if len(alike) == 1 else name
