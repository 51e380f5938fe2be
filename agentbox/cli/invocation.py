"""What every command has at hand: where the configuration is, and how to open what it names."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from msgspec.structs import replace
from rich.console import Console

if TYPE_CHECKING:
    from agentbox.core.runtime import Runtime
    from agentbox.core.startup import Assembly
    from agentbox.plugin.migrations import MigrationFolder
    from agentbox.plugin.storage import Storage

T = TypeVar("T")


class Invocation:
    """One run of the command line; everything is made when it is first asked for."""

    def __init__(self, config_path: Path | None, environ: Mapping[str, str]) -> None:
        self.config_path = config_path
        self.environ = environ
        self.overrides: dict[str, object] = {}

    @cached_property
    def console(self) -> Console:
        """Where tables go; what users named is shown as it is, not read as markup."""
        return Console(highlight=False, markup=False, emoji=False)

    @cached_property
    def assembly(self) -> Assembly:
        """Settings and plugins. Raises `ConfigurationError` with every fault."""
        from agentbox.core.startup import assemble

        return assemble(self.config_path, self.environ, self.overrides)

    @cached_property
    def storage(self) -> Storage:
        """The configured storage, not opened."""
        from agentbox.core.runtime import create_storage

        return create_storage(self.assembly)

    def ensure_root_secret(self) -> None:
        """The root secret is there, made if need be, before a database's first commit."""
        from agentbox.core.start.root_secret import root_secret

        root_secret(self.assembly.settings.server.secret_key, self.storage)

    @property
    def migration_folders(self) -> Sequence[MigrationFolder]:
        """The folders of migrations of all enabled plugins for the configured storage."""
        return self.assembly.plugins.migration_folders(self.storage.name)

    def with_runtime(self, work: Callable[[Runtime], Awaitable[T]], *, sources: bool = False) -> T:
        """Open everything beside a server that may be running, do the work, close.

        With `sources` it is known what is measured.
        """

        async def opened() -> T:
            from agentbox.core.runtime import open_runtime
            from agentbox.web.outgoing.when_asked import OfflineWhenAsked

            async with open_runtime(
                self.assembly, serving=False, outgoing=OfflineWhenAsked(), sources=sources
            ) as runtime:
                return await work(runtime)

        return self.run(opened, log_level="warning")

    def run(self, work: Callable[[], Awaitable[T]], *, log_level: Literal["warning", "error"]) -> T:
        """Do the work on a loop, with only the more severe lines of the log."""

        async def logged() -> T:
            from agentbox.core.logs import configure

            settings = self.assembly.settings
            quiet = replace(settings, server=replace(settings.server, log_level=log_level))
            log = configure(quiet)
            try:
                return await work()
            finally:
                log.close()

        return asyncio.run(logged())
