"""Optional filters, composed from constants."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from agentbox.plugin.sql.driver import Value


class Conditions:
    """Collects conditions and the values they are bound to; values never become text.

    A condition is a constant with `{}` where a placeholder goes; all `{}` of one condition are the
    same value.
    """

    def __init__(self) -> None:
        self._texts: list[str] = []
        self.values: list[Value] = []

    def add(self, text: str, value: Value) -> None:
        """One more condition on one value."""
        self.values.append(value)
        self._texts.append(text.replace("{}", f"${len(self.values)}"))

    def add_pair(self, text: str, values: tuple[Value, Value]) -> None:
        """One more condition on two values: `{0}` is the first, `{1}` the second."""
        self.values += values
        last = len(self.values)
        self._texts.append(text.replace("{0}", f"${last - 1}").replace("{1}", f"${last}"))

    def __len__(self) -> int:
        return len(self._texts)

    def add_plain(self, text: str) -> None:
        """One more condition without a value."""
        self._texts.append(text)

    def bind(self, value: Value) -> str:
        """The placeholder of one more value that no condition is about."""
        self.values.append(value)
        return f"${len(self.values)}"

    def add_in(
        self, text: str, values: Sequence[Value], otherwise: str = "", extra: Value = None
    ) -> None:
        """`text` has `{in}` for a list, which may be empty; with `extra`, `otherwise` suffices."""
        places = []
        for value in values:
            self.values.append(value)
            places.append(f"${len(self.values)}")
        # An empty list is no SQL; nothing equals NULL.
        condition = text.replace("{in}", ", ".join(places) or "NULL")
        if extra is not None:
            self.values.append(extra)
            condition = f"({condition} OR {otherwise.replace('{}', f'${len(self.values)}')})"
        self._texts.append(condition)

    def where(self) -> str:
        """The clause with a space before it, or nothing."""
        return " WHERE " + " AND ".join(self._texts) if self._texts else ""

    def page(self, limit: int, offset: int) -> str:
        """The clause for a page, its numbers bound like everything else; call it last."""
        self.values += (limit, offset)
        return f" LIMIT ${len(self.values) - 1} OFFSET ${len(self.values)}"


def filled(values: Sequence[str]) -> list[str]:
    """The values, the last one repeated until they are a power of two.

    Lists of any length then have few statements between them, and those stay prepared.
    """
    missing = (1 << max(0, len(values) - 1).bit_length()) - len(values)
    return [*values, *(list(values[-1:]) * missing)]


@lru_cache(maxsize=64)
def with_places(text: str, number: int) -> str:
    """`text` has `{in}` for a list of so many values, the only ones of the statement."""
    return text.replace("{in}", ", ".join(f"${place + 1}" for place in range(number)) or "NULL")


def contains(text: str) -> str:
    r"""The LIKE pattern (with `ESCAPE '\'`) for columns that contain `text`, folded as they are."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
