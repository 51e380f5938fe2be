"""`AGENTBOX_*` variables to raw values by setting; unknown ones are refused."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import fields

from agentbox.config.raw.tree import FileText, Leaf, Origin, fault_of
from agentbox.config.schema import SECTIONS, SHORT_NAMES
from agentbox.config.wording import did_you_mean

PREFIX = "AGENTBOX_"
CONFIG_VARIABLE = "AGENTBOX_CONFIG"
GOOGLE_VARIABLE = "AGENTBOX_GOOGLE_ENABLED"
_LARGEST = 1 << 16

# What Kubernetes sets in every container beside a Service called agentbox or agentbox-<anything>.
_KUBERNETES = re.compile(
    r"AGENTBOX_(SERVICE_.+|PORT_.+"
    r"|[A-Z0-9_]+_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)"
    r"|[A-Z0-9_]+_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_KUBERNETES_PORT = re.compile(r"AGENTBOX_([A-Z0-9_]+_)?PORT")
_PLUGIN = re.compile(r"AGENTBOX_PLUGINS__([A-Z0-9_]+?)__([A-Z0-9_]+)")

_KNOWN: Mapping[str, str] = {
    **SHORT_NAMES,
    "AGENTBOX_PLUGINS__ENABLED": "plugins.enabled",
    **{
        f"{PREFIX}{section}__{option.encode_name}".upper(): f"{section}.{option.encode_name}"
        for section, cls in SECTIONS.items()
        for option in fields(cls)
    },
}


class Variables(Struct):
    """What the environment sets: values by dotted path, the settings file, and what is wrong."""

    values: dict[tuple[str, ...], Leaf] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    config: str | None = None
    google: bool = False


def variable_of(dotted: str) -> str:
    """The long variable of a setting."""
    return PREFIX + "__".join(re.sub(r"[.-]", "_", part) for part in dotted.split(".")).upper()


def read_environment(environ: Mapping[str, str]) -> Variables:
    """Sort out every `AGENTBOX_*` variable; read the files of `_FILE` ones."""
    result = Variables()
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name.startswith("AGENTBOX_TEST_"):
            continue
        value = environ[name]
        if name == CONFIG_VARIABLE:
            result.config = value
        elif name == GOOGLE_VARIABLE:
            _read_google(result, value)
        elif not _is_kubernetes(name, value):
            _read_variable(result, environ, name)
    return result


def _read_google(result: Variables, value: str) -> None:
    if value.lower() in {"true", "1", "false", "0"}:
        result.google = value.lower() in {"true", "1"}
    else:
        result.faults.append(f"{GOOGLE_VARIABLE}: {value!r} is not true or false.")


def _is_kubernetes(name: str, value: str) -> bool:
    if _is_setting(name):
        return name == "AGENTBOX_PORT" and value.startswith("tcp://")
    if _KUBERNETES_PORT.fullmatch(name):
        return re.match(r"(tcp|udp|sctp)://", value) is not None
    return _KUBERNETES.fullmatch(name) is not None


def _is_setting(name: str) -> bool:
    return name in _KNOWN or name.removesuffix("_FILE") in _KNOWN


def _read_variable(result: Variables, environ: Mapping[str, str], name: str) -> None:
    value = environ[name]
    stem = name.removesuffix("_FILE")
    if name in _KNOWN:
        _take(result, name, _KNOWN[name], value)
    elif stem in _KNOWN:
        if stem in environ:
            result.faults.append(f"{stem} and {name} are both set; unset one of them.")
        else:
            _take_file(result, name, _KNOWN[stem], value)
    elif match := _PLUGIN.fullmatch(name):
        path = ("plugins", match[1].lower(), *match[2].lower().split("__"))
        _take_option(result, name, path, value)
    else:
        result.faults.append(fault_of(name, "there is no such setting" + _guess(name)))


def _guess(name: str) -> str:
    """What may have been meant; the common beginning and end don't make names alike."""
    known = [each.removeprefix(PREFIX) for each in (CONFIG_VARIABLE, *_KNOWN)]
    suffix = "_FILE" if name.endswith("_FILE") else ""
    stem = name.removeprefix(PREFIX).removesuffix("_FILE")
    return did_you_mean(stem, known, prefix=PREFIX, suffix=suffix)


def _take(result: Variables, name: str, dotted: str, value: str) -> None:
    if not value and name in SHORT_NAMES:
        result.faults.append(f"{name} ({dotted}): is set but empty; give it a value or unset it.")
        return
    _put(result, dotted, Leaf(value, Origin("environment", name)))


def _take_file(result: Variables, name: str, dotted: str, path: str) -> None:
    content = read_value_file(path)
    if content.fault:
        result.faults.append(f"{name} ({dotted}): {content.fault}.")
        return
    _put(result, dotted, Leaf(content.text, Origin("environment", name, path, content.exposed)))


def _take_option(result: Variables, name: str, path: tuple[str, ...], value: str) -> None:
    """A plugin's option. Whether `…_FILE` is its name or means a file, its type says later."""
    content = read_value_file(value) if name.endswith("_FILE") else None
    _put(result, ".".join(path), Leaf(value, Origin("environment", name), content))


def _put(result: Variables, dotted: str, leaf: Leaf) -> None:
    path = tuple(dotted.split("."))
    other = result.values.setdefault(path, leaf)
    if other.raw != leaf.raw:
        result.faults.append(
            f"{other.origin.label} and {leaf.origin.label} set the same setting ({dotted}) to "
            "different values; unset one of them."
        )


def read_value_file(path: str) -> FileText:
    """The text of a file without one newline at its end; or what is wrong with the file."""
    try:
        file = Path(path)
        mode = file.stat().st_mode
        if not stat.S_ISREG(mode):
            return FileText("", f"{path!r} is not a file")
        data = file.read_bytes()
        text = data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        return FileText("", f"the file {path!r} can't be read: {error.strerror}")
    except ValueError:
        return FileText("", f"the file {path!r} is not UTF-8 text")
    if not text:
        return FileText("", f"the file {path!r} is empty")
    if len(data) > _LARGEST:
        return FileText("", f"the file {path!r} is larger than 64 KiB")
    return FileText(text, exposed=bool(mode & stat.S_IROTH))
