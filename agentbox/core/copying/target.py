"""Where a copy goes: the storage that a DSN names, and whether it may be written over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from msgspec import structs

from agentbox.core.runtime import create_storage, migrate
from agentbox.core.startup import Assembly
from agentbox.errors import PluginError, StartError, StorageError
from agentbox.loader import Plugins, installed, load
from agentbox.plugin.options import Options
from agentbox.plugin.storage import Storage, Tables


class Target:
    """The storage at `dsn`, of the plugin that the scheme's name begins with.

    The plugins of the source are enabled for it too, so that their tables are there. Raises
    `StartError` where there is no such plugin, or a DSN means nothing to it; the text does not
    repeat the DSN.
    """

    def __init__(self, assembly: Assembly, dsn: str) -> None:
        scheme = _scheme(dsn)
        plugin = _plugin(scheme)
        storages = {name for name, _ in assembly.plugins.storage_types}
        others = [name for name in assembly.plugins.names if name not in {*storages, plugin}]
        plugins = _loaded(plugin, others)
        options = _options(plugins, plugin, scheme, dsn)
        settings = structs.replace(
            assembly.settings,
            plugin_options={**assembly.settings.plugin_options, plugin: options},
        )
        self._assembly = replace(assembly, plugins=plugins, settings=settings)
        self.storage: Storage = create_storage(self._assembly)

    def migrate(self) -> Sequence[str]:
        """Bring its schema to that of this program; what was applied. Raises `SchemaError`."""
        return migrate(self._assembly, self.storage)

    def require_current(self) -> None:
        """Raises `StorageError` unless its schema is that of this program."""
        require_current(self._assembly.plugins, self.storage)


def require_current(plugins: Plugins, storage: Storage) -> None:
    """Raises `StorageError` unless the schema of `storage` is that of this program."""
    if not storage.schema_status(plugins.migration_folders(storage.name)).current:
        raise StorageError(
            f"The schema of the {storage.name} database is not this program's; start the server "
            "on it once, or run `agentbox migrate up`."
        )


async def require_own_copy(source: Tables, target: Tables) -> None:
    """Raises `StorageError` unless `target` is an earlier copy of `source`, and nothing more.

    The marker of the root secret is sealed with a random number, so no two deployments have the
    same one. A server that starts writes to the audit, whose numbers only grow: so a last row that
    the source does not have is of somebody who has used the copy.
    """
    marker = await target.find("markers", ("value",), ("root_secret",))
    if marker is None or marker != await source.find("markers", ("value",), ("root_secret",)):
        raise StorageError(
            "The target is not empty, and what is in it is no copy of this database; it stays as "
            "it is. --force overwrites it."
        )
    last = await target.last("audit", ("seq", "id"))
    if last is None or last == await source.find("audit", ("seq", "id"), last[:1]):
        return
    raise StorageError(
        f"The target has been used since it was copied to, or the copy is older than what this "
        f"database keeps of its audit: row {last[0]} of the target's is not this database's. It "
        "stays as it is; --force overwrites what was done there."
    )


def has_password(dsn: str) -> bool:
    """True if others must not see the DSN; also for one that can't be read."""
    try:
        parts = urlsplit(dsn)
        query = parse_qs(parts.query)
        return parts.password is not None or any("password" in name for name in query)
    except ValueError:
        return True


def _scheme(dsn: str) -> str:
    try:
        scheme = urlsplit(dsn).scheme
    except ValueError:
        scheme = ""
    if not scheme:
        raise StartError("A DSN begins with a scheme, such as sqlite:///… or postgresql://….")
    return scheme


def _plugin(scheme: str) -> str:
    """`postgres` for `postgresql`: the longest name that the scheme begins with."""
    names = {plugin.name for plugin in installed() if scheme.startswith(plugin.name)}
    if not names:
        raise StartError(f"No plugin that is installed is called as the scheme {scheme} is.")
    return max(names, key=len)


def _loaded(plugin: str, others: Sequence[str]) -> Plugins:
    try:
        return load([plugin, *others])
    except PluginError as error:
        raise StartError(f"The DSN leads to the plugin {plugin}. {error}") from None


def _options(plugins: Plugins, plugin: str, scheme: str, dsn: str) -> Options:
    _, kind = plugins.storage_types[0]
    if scheme not in kind.schemes or kind.from_dsn is None:
        raise StartError(f"The plugin {plugin} takes no DSN with the scheme {scheme}.")
    try:
        return kind.from_dsn(dsn)
    except ValueError as error:
        raise StartError(f"The plugin {plugin} can't use that DSN: {error}") from None
