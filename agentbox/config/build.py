"""The second pass: raw values to typed settings, with the types of the plugins' options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from agentbox.config.addresses import host_of
from agentbox.config.checks import CHECKS, Faults
from agentbox.config.convert import Converter
from agentbox.config.nearest_name import did_you_mean
from agentbox.config.schema import SECTIONS, AuthenticatorBlock, Settings, is_loopback
from agentbox.config.sources import Sources
from agentbox.config.tree import Leaf, Origin, Table, at
from agentbox.errors import ConfigurationError
from agentbox.model.secret import Secret
from agentbox.plugin.options import Options

_ID = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def build_settings(
    sources: Sources,
    option_types: Mapping[str, type[Options]],
    authenticator_types: Mapping[str, str],
) -> Settings:
    """Everything typed and checked.

    `option_types` maps each loaded entry point to the type of its options; a plugin that did not
    load is left out, and everything else is still checked. `authenticator_types` maps the name of
    each type of authenticator to its entry point, in the order in which they were collected.

    Raises `ConfigurationError` with the faults of both passes, all at once.
    """
    builder = _Builder(sources, option_types, authenticator_types)
    settings = builder.settings()
    faults = tuple(dict.fromkeys((*sources.faults, *builder.converter.faults)))
    if faults:
        raise ConfigurationError(faults)
    return settings


class _Builder:
    def __init__(
        self,
        sources: Sources,
        option_types: Mapping[str, type[Options]],
        authenticator_types: Mapping[str, str],
    ) -> None:
        self._sources = sources
        self._option_types = option_types
        self._authenticator_types = authenticator_types
        self.converter = Converter()

    def settings(self) -> Settings:
        """What can be made of the sources; only good if no fault was noted."""
        sections = {name: self._section(name, cls) for name, cls in SECTIONS.items()}
        self._check_strange_plugins()
        options = self._plugin_options()
        if self._sources.authenticators:
            blocks = self._blocks(options)
        else:
            blocks = self._default_chain(options)
        self.converter.report_missing()
        return Settings(
            **sections,  # type: ignore[arg-type]  # each is of its SECTIONS type
            plugins=self._sources.plugins,
            plugin_options=options,
            authenticators=blocks,
        )

    def _section(self, name: str, cls: type[Options]) -> Options:
        table = self._sources.root.table(name)
        faults: Faults = []
        section = CHECKS[name](self.converter.options(cls, table, name) or cls(), faults)
        self._note(name, table, faults)
        return section

    def _check_strange_plugins(self) -> None:
        """Options of a plugin that is not enabled are at rest, unless the name is a slip."""
        for name, node in self._sources.root.table("plugins").children.items():
            if name == "enabled" or name in self._sources.plugins:
                continue
            if guess := did_you_mean(name, self._sources.plugins):
                self.converter.fault(
                    node.origin, f"plugins.{name}", f"no such plugin is enabled{guess}"
                )

    def _plugin_options(self) -> dict[str, Options]:
        found: dict[str, Options] = {}
        for plugin in self._sources.plugins:
            table = self._sources.root.table("plugins", plugin)
            if plugin not in self._option_types:
                continue
            options = self._options(plugin, table, lenient=self._has_block(plugin))
            if options is not None:
                found[plugin] = options
        return found

    def _has_block(self, plugin: str) -> bool:
        types = {_text(block, "type") for block in self._sources.authenticators}
        return any(self._authenticator_types.get(name) == plugin for name in types if name)

    def _options(self, plugin: str, table: Table, *, lenient: bool) -> Options | None:
        """The options of a plugin or of one block. Lenient: what is missing stands in a block."""
        dotted = f"plugins.{plugin}"
        missing = len(self.converter.missing)
        options = self.converter.options(self._option_types[plugin], table, dotted)
        if lenient:
            del self.converter.missing[missing:]
        if options is not None and not lenient:
            # By contract a sentence starts with the field's name.
            found = [
                (re.split(r"\W", sentence, maxsplit=1)[0], sentence) for sentence in options.check()
            ]
            self._note(dotted, table, found)
        return options

    def _note(self, dotted: str, table: Table, faults: Faults) -> None:
        """Note what checks found, except of fields that stand at a default for a fault."""
        bad = set(self.converter.bad)
        for field, sentence in faults:
            setting = f"{dotted}.{field}"
            if setting not in bad:
                self.converter.fault(_origin(table, field), setting, sentence)

    def _default_chain(self, options: Mapping[str, Options]) -> tuple[AuthenticatorBlock, ...]:
        """One instance of each type of each enabled plugin, in the order of the plugins."""
        return tuple(
            AuthenticatorBlock(id=name, type=name, plugin=plugin, options=options[plugin])
            for plugin in self._sources.plugins
            for name, owner in self._authenticator_types.items()
            if owner == plugin and plugin in options
        )

    def _blocks(self, options: dict[str, Options]) -> tuple[AuthenticatorBlock, ...]:
        blocks: list[AuthenticatorBlock] = []
        ids: set[str] = set()
        for table in self._sources.authenticators:
            block_id, kind = self._block_id(table, ids), _text(table, "type")
            plugin = self._plugin_of(table, kind)
            if plugin is None or plugin not in self._option_types:
                continue
            made = self._options(plugin, self._laid_over(plugin, table), lenient=False)
            if made is not None and block_id is not None and kind is not None:
                options.setdefault(plugin, made)
                blocks.append(
                    AuthenticatorBlock(id=block_id, type=kind, plugin=plugin, options=made)
                )
        return tuple(blocks)

    def _block_id(self, table: Table, ids: set[str]) -> str | None:
        block_id = _text(table, "id")
        setting = "authenticators.id"
        if block_id is None:
            self.converter.fault(table.origin, setting, 'is needed; write id = "…"')
        elif not _ID.fullmatch(block_id):
            sentence = f"{block_id!r} is not 1 to 32 of a-z 0-9 _ -, the first a letter"
            self.converter.fault(_origin(table, "id"), setting, sentence)
        elif block_id in ids:
            sentence = f"{block_id!r} is the id of another block too"
            self.converter.fault(_origin(table, "id"), setting, sentence)
        else:
            ids.add(block_id)
            return block_id
        return None

    def _plugin_of(self, table: Table, kind: str | None) -> str | None:
        setting, types = "authenticators.type", self._authenticator_types
        if kind is None:
            self.converter.fault(table.origin, setting, f"is needed; one of {', '.join(types)}")
        elif kind in types:
            return types[kind]
        elif set(self._sources.plugins) <= set(self._option_types):  # else it may be a broken one's
            known = ", ".join(types) or "none"
            guess = did_you_mean(kind, types) or f"; the enabled plugins have {known}"
            sentence = f"there is no authenticator type {kind!r}{guess}"
            self.converter.fault(_origin(table, "type"), setting, sentence)
        return None

    def _laid_over(self, plugin: str, block: Table) -> Table:
        rest = {k: node for k, node in block.children.items() if k not in {"id", "type"}}
        own = Table(block.origin, rest)
        return self._sources.root.table("plugins", plugin).overlay(own)


def _text(table: Table, name: str) -> str | None:
    node = table.children.get(name)
    return node.raw if isinstance(node, Leaf) and isinstance(node.raw, str) else None


def _origin(table: Table, field: str) -> Origin | None:
    """Where a field was set; variables may have named a file for it."""
    node = table.children.get(field) or table.children.get(f"{field}_file")
    return node.origin if node else None


def find_warnings(settings: Settings, sources: Sources) -> tuple[str, ...]:
    """What an operator should look at although the server may start; no secret is shown."""
    warnings = [*_exposed(settings, sources), *_at_rest(sources)]
    url = settings.public_url
    if url.startswith("http://") and not is_loopback(host_of(url)):
        origin = _origin(sources.root.table("server"), "public_url")
        warnings.append(
            f"{at(origin, 'server.public_url')}: passwords and tokens cross the network in clear; "
            "put TLS in front and say https://."
        )
    return tuple(dict.fromkeys(warnings))


def _at_rest(sources: Sources) -> list[str]:
    return [
        f"{at(node.origin, f'plugins.{name}')}: has no effect, because {name} is not enabled."
        for name, node in sources.root.table("plugins").children.items()
        if name != "enabled" and name not in sources.plugins
    ]


def _exposed(settings: Settings, sources: Sources) -> list[str]:
    """Files with secrets that anybody on the machine may read (OP-03)."""
    leaves = list(sources.root.leaves())
    for block in sources.authenticators:
        plugin = next((b.plugin for b in settings.authenticators if b.id == _text(block, "id")), "")
        leaves += [(("plugins", plugin, *path), leaf) for path, leaf in block.leaves()]
    found = []
    for path, leaf in leaves:
        exposed = leaf.origin.exposed or (leaf.content is not None and leaf.content.exposed)
        if exposed and _holds_secret(settings, path):
            file = leaf.origin.file or leaf.raw
            found.append(
                f"{file} holds a secret ({'.'.join(path)}) and anybody on this machine may read "
                "it; run: chmod o-r on it."
            )
    return found


def _holds_secret(settings: Settings, path: tuple[str, ...]) -> bool:
    here: Any = settings
    if path[0] == "plugins" and len(path) > 2:
        here, path = settings.plugin_options.get(path[1]), path[2:]
    for name in path:
        if isinstance(here, Mapping):
            here = here.get(name)
        else:
            here = getattr(here, name, None) or getattr(here, name.removesuffix("_file"), None)
    return isinstance(here, Secret)
