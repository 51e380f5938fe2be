"""The client of commands beside a server, which asks nobody and is imported once it is wanted."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from agentbox.plugin.http import HttpClient


class OfflineWhenAsked:
    """`OfflineHttp` for commands. Few have a plugin that wants it, and its import takes long."""

    async def __aenter__(self) -> OfflineWhenAsked:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def to(self, origins: Collection[str]) -> HttpClient:
        """A client whose requests all fail. Raises ValueError as the real one does."""
        from agentbox.web.outgoing.client import OfflineHttp

        return OfflineHttp().to(origins)
