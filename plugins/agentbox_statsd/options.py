"""What operators say of their StatsD server."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from msgspec import Meta

from agentbox.plugin import Options

_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?|[0-9A-Fa-f:.]{2,45}(?:%\w+)?"
)
_PREFIX: Final = re.compile(r"[A-Za-z0-9_.-]{0,100}")
_TAG: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]{0,63}")
_TAG_VALUE: Final = re.compile(r"[A-Za-z0-9_./-]{1,128}")

MOST_TAGS: Final = 4


class StatsdOptions(Options, frozen=True):
    """`[plugins.statsd]`"""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 8125
    prefix: str = "agentbox."
    dialect: Literal["statsd", "dogstatsd"] = "statsd"
    tags: dict[str, str] = {}  # noqa: RUF012  a Struct copies it

    def check(self) -> list[str]:
        """Refuses what would not be one name, one tag, one line."""
        faults = []
        if _HOST.fullmatch(self.host) is None or ".." in self.host:
            faults.append("host is no name and no address of a server")
        if _PREFIX.fullmatch(self.prefix) is None:
            faults.append("prefix takes at most 100 letters, digits, points, - and _")
        if self.tags and self.dialect == "statsd":
            faults.append('tags are known to dialect = "dogstatsd" alone')
        if len(self.tags) > MOST_TAGS:
            faults.append(f"tags are at most {MOST_TAGS}, so that a line fits into a packet")
        faults += [
            f"tags.{name} is no tag: letters, digits and ._/- alone, the name 64 and its value "
            "128 of them at most"
            for name, value in self.tags.items()
            if _TAG.fullmatch(name) is None or _TAG_VALUE.fullmatch(value) is None
        ]
        return faults
