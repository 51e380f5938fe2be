"""What a collector says, without the secrets that it was told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from agentbox.plugin.options import Secret

MASK: Final = "***"


class Mask:
    """Covers the values of headers in a text, and what stands in them after a scheme, as `Bearer`;
    whatever their case."""

    def __init__(self, headers: Mapping[str, Secret]) -> None:
        found = {part for value in headers.values() for part in _parts(value.reveal().strip())}
        # The first that matches is taken, and the rest of a longer one would stay.
        patterns = [re.escape(part) for part in sorted(found, key=len, reverse=True)]
        self._secrets = re.compile("|".join(patterns), re.IGNORECASE) if patterns else None

    def cover(self, text: str) -> str:
        """The text with `***` in the place of each."""
        return text if self._secrets is None else self._secrets.sub(MASK, text)


def _parts(value: str) -> Iterator[str]:
    yield value
    after_scheme = value.partition(" ")[2].strip()
    if after_scheme:
        yield after_scheme
