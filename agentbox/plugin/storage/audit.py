"""The trail, and the seals on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime

from agentbox.model.audit import AuditEvent, AuditFilter, AuditPoint, AuditRow, AuditSeal


class AuditStore(ABC):
    """The trail: rows are numbered as they are added, never changed, and cut from the front."""

    @abstractmethod
    async def add(self, event: AuditEvent) -> None: ...

    @abstractmethod
    async def last(self, limit: int) -> Sequence[AuditEvent]:
        """Those that were added last, the last first, whatever their times say."""

    @abstractmethod
    async def list(
        self, where: AuditFilter, limit: int, before: tuple[datetime, int] | None = None
    ) -> Sequence[tuple[int, AuditEvent]]:
        """Numbers and rows, newest first by (time, number); `before` leaves out all down to that
        row. One whose details can't be read is there too, and says so."""

    @abstractmethod
    async def rows(self, after: int, limit: int) -> Sequence[AuditRow]:
        """The first rows with a number above `after`, in the order of the numbers."""

    @abstractmethod
    async def unsealed(self, after: int, limit: int) -> Sequence[AuditRow]:
        """As `rows`, but only as far as no number below can be committed any more.

        Where writers don't wait for each other, a later number may be there first.
        """

    @abstractmethod
    async def seals(self, after: int, limit: int) -> Sequence[AuditSeal]:
        """The first seals with a number above `after`, in the order of the numbers."""

    @abstractmethod
    async def add_seals(self, seals: Sequence[AuditSeal]) -> None: ...

    @abstractmethod
    async def point(self, name: str) -> AuditPoint | None:
        """The `head` or the `anchor`, if there is one."""

    @abstractmethod
    async def put_point(self, point: AuditPoint) -> None:
        """Put it in place of the one of that name."""

    @abstractmethod
    async def cut(self, upto: int) -> int:
        """Remove all rows up to that number, and their seals; how many rows."""
