"""The client for other servers, for commands: there only once a plugin asks for it."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from agentbox.plugin.http import HttpClient, Outgoing


class OutgoingWhenAsked:
    """Hands out clients as a server's does. Few commands need one, and its import takes long."""

    def __init__(self) -> None:
        self._opening: AbstractAsyncContextManager[Outgoing] | None = None
        self._http: Outgoing | None = None

    async def __aenter__(self) -> OutgoingWhenAsked:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._opening is not None:
            await self._opening.__aexit__(kind, error, traceback)

    def to(self, origins: Collection[str]) -> HttpClient:
        """A client for these origins alone. Raises ValueError for what can't be one."""
        if self._http is None:
            self._http = self._open()
        return self._http.to(origins)

    def _open(self) -> Outgoing:
        from agentbox.web.client import OutgoingHttp

        self._opening = OutgoingHttp.opened()
        try:
            # It is opened without waiting for anything: plugins get their clients in one step.
            self._opening.__aenter__().send(None)
        except StopIteration as opened:
            http: Outgoing = opened.value
            return http
        raise AssertionError("opening a client waits for nothing")
