"""Where a server listens."""

from __future__ import annotations

from typing import NamedTuple


class Address(NamedTuple):
    """Where the server listens, once it does."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """`http://…` of this address."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self}"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
