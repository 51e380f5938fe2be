"""How connections are made, and what comes after one that could not be made."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import asyncpg

from agentbox.errors import StorageError
from agentbox_postgres.connection import FAILURES, translate

CLOSED_FOR: Final = 0.1
"""Seconds after a failure to connect in which nobody else tries."""


class Door:
    """Makes connections. After one that failed, the next are refused at once for a moment.

    A server that comes up again is not flooded then by everybody who waits for it.
    """

    def __init__(self) -> None:
        self._closed_until = 0.0
        self._reason = ""

    async def connect(self, *arguments: Any, **options: Any) -> Any:
        """As `asyncpg.connect`. Raises `StorageError`."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._closed_until:
            raise StorageError(self._reason)
        try:
            return await asyncpg.connect(*arguments, **options)
        except FAILURES as error:
            failure = translate(error)
            self._reason, self._closed_until = str(failure), loop.time() + CLOSED_FOR
            raise failure from error
