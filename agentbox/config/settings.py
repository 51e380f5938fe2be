"""The second pass: raw values to typed settings, with the types of the plugins' options."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from agentbox.config.checks import CHECKS, Faults
from agentbox.config.convert import Converter
from agentbox.config.raw.tree import Origin, Table, origin_of, place_of, text_of
from agentbox.config.schema import SECTIONS, AuthenticatorBlock, Settings
from agentbox.config.sources import Sources
from agentbox.config.wording import did_you_mean
from agentbox.errors import ConfigurationError
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
    if faults := builder.faults():
        raise ConfigurationError(faults)
    return settings


def find_faults(
    sources: Sources,
    option_types: Mapping[str, type[Options]],
    authenticator_types: Mapping[str, str],
) -> tuple[str, ...]:
    """The faults of both passes, for a start that is refused anyway; as `build_settings`."""
    builder = _Builder(sources, option_types, authenticator_types)
    builder.settings()
    return builder.faults()


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

    def faults(self) -> tuple[str, ...]:
        """Those of the first pass, then those noted by `settings`."""
        return tuple(dict.fromkeys((*self._sources.faults, *self.converter.faults)))

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
            plugins=self._sources.enabled,
            plugin_options=options,
            authenticators=blocks,
        )

    def _section(self, name: str, cls: type[Options]) -> Options:
        table = self._sources.root.table(name)
        faults: Faults = []
        section: Options = self.converter.options(cls, table, name) or cls()
        if name in CHECKS:
            section = CHECKS[name](section, faults)
        self._note((f"{name}.{field}", origin_of(table, field), text) for field, text in faults)
        return section

    def _check_strange_plugins(self) -> None:
        """Options of a plugin that is not enabled are at rest, unless the name is a slip."""
        for name, node in self._sources.root.table("plugins").children.items():
            if name == "enabled" or name in self._sources.enabled:
                continue
            if guess := did_you_mean(name, self._sources.enabled):
                self.converter.fault(
                    node.origin, f"plugins.{name}", f"no such plugin is enabled{guess}"
                )

    def _plugin_options(self) -> dict[str, Options]:
        found: dict[str, Options] = {}
        for plugin in self._sources.enabled:
            table = self._sources.root.table("plugins", plugin)
            if plugin not in self._option_types:
                continue
            options = self._options(plugin, table, lenient=self._has_block(plugin))
            if options is not None:
                found[plugin] = options
        return found

    def _has_block(self, plugin: str) -> bool:
        types = {text_of(block, "type") for block in self._sources.authenticators}
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
            places = [(*place_of(table, sentence), sentence) for sentence in options.check()]
            self._note((".".join((dotted, *path)), origin, text) for path, origin, text in places)
        return options

    def _note(self, faults: Iterable[tuple[str, Origin | None, str]]) -> None:
        """Note what checks found, except of settings that stand at a default for a fault."""
        bad = set(self.converter.bad)
        for setting, origin, sentence in faults:
            if not any(f"{setting}.".startswith(f"{each}.") for each in bad):
                self.converter.fault(origin, setting, sentence)

    def _default_chain(self, options: Mapping[str, Options]) -> tuple[AuthenticatorBlock, ...]:
        """One instance of each type of each enabled plugin, in the order of the plugins."""
        return tuple(
            AuthenticatorBlock(id=name, type=name, plugin=plugin, options=options[plugin])
            for plugin in self._sources.enabled
            for name, owner in self._authenticator_types.items()
            if owner == plugin and plugin in options
        )

    def _blocks(self, options: dict[str, Options]) -> tuple[AuthenticatorBlock, ...]:
        blocks: list[AuthenticatorBlock] = []
        ids: set[str] = set()
        for table in self._sources.authenticators:
            block_id, kind = self._block_id(table, ids), text_of(table, "type")
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
        block_id = text_of(table, "id")
        setting = "authenticators.id"
        if block_id is None:
            self.converter.fault(table.origin, setting, 'is needed; write id = "…"')
        elif not _ID.fullmatch(block_id):
            sentence = f"{block_id!r} is not 1 to 32 of a-z 0-9 _ -, the first a letter"
            self.converter.fault(origin_of(table, "id"), setting, sentence)
        elif block_id in ids:
            sentence = f"{block_id!r} is the id of another block too"
            self.converter.fault(origin_of(table, "id"), setting, sentence)
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
        elif set(self._sources.enabled) <= set(self._option_types):  # else it may be a broken one's
            known = ", ".join(types) or "none"
            guess = did_you_mean(kind, types) or f"; the enabled plugins have {known}"
            sentence = f"there is no authenticator type {kind!r}{guess}"
            self.converter.fault(origin_of(table, "type"), setting, sentence)
        return None

    def _laid_over(self, plugin: str, block: Table) -> Table:
        rest = {k: node for k, node in block.children.items() if k not in {"id", "type"}}
        own = Table(block.origin, rest)
        return self._sources.root.table("plugins", plugin).overlay(own)
