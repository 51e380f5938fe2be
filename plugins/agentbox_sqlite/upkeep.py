"""What a server does beside its work: notice other processes' commits, and checkpoint."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from agentbox.errors import StorageError
from agentbox.plugin.services import Logger
from agentbox.plugin.storage import ALL_CHANGED, Change
from agentbox_sqlite.files import FileLock
from agentbox_sqlite.pool import Readers, Writer

INTERVAL = 0.25
"""Seconds between two looks."""

WAL_LIMIT = 4 * 1024 * 1024
"""Bytes of WAL from which on it is written back."""


class Upkeep:
    """Runs every quarter of a second as long as the server does."""

    def __init__(
        self,
        path: Path,
        writer: Writer,
        readers: Readers,
        tell: Callable[[Iterable[Change]], None],
        log: Logger | None,
    ) -> None:
        self._wal = path.with_name(path.name + "-wal")
        self._lock = FileLock(path)
        self._writer = writer
        self._readers = readers
        self._tell = tell
        self._log = log
        self._version = 0
        self._failing = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Until the block ends; then what is in the WAL is written back if nobody objects."""
        # Read before anything else can happen, so that no commit is missed.
        self._version = await self._writer.data_version()
        task = asyncio.create_task(self._run(), name="sqlite upkeep")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            with contextlib.suppress(StorageError):
                await self.checkpoint(1)

    async def look(self) -> None:
        """Tell listeners if another process has committed since the last look."""
        version = await self._writer.data_version()
        if version != self._version:
            self._version = version
            self._tell((ALL_CHANGED,))

    async def checkpoint(self, limit: int) -> None:
        """Write the WAL back if it has `limit` bytes and no command is at work."""
        if self._wal_size() >= limit and self._lock.try_acquire():
            try:
                await self._readers.settle()
            except BaseException:
                self._lock.release()
                raise
            await self._writer.checkpoint(self._lock.release)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.look()
                await self.checkpoint(WAL_LIMIT)
            except StorageError as error:
                # Said once, not four times a second; the disk may be full for hours.
                if not self._failing and self._log is not None:
                    self._log.warning("sqlite_upkeep_failed", error=str(error))
                self._failing = True
            else:
                self._failing = False

    def _wal_size(self) -> int:
        try:
            return self._wal.stat().st_size
        except OSError:
            return 0
