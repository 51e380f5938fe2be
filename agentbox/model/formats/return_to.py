"""Where a browser may be sent after a sign-in: addresses on a list, and paths of our own origin."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from urllib.parse import unquote

LONGEST = 2048

# A path with a query. No backslash, which browsers take for a slash; no fragment, since a code is
# added behind; nothing that is not printable ASCII.
_PATH = re.compile(r"/(?![/\\])[!-\"$-\[\]-~]*")
_PARAMETERS = re.compile(r"[?&;#]")
_NAME_PARTS = re.compile(r"[\[\].]")
_OURS = re.compile(
    r"/+(?:api|docs|healthz|readyz|metrics|openapi\.json|\.well-known)(?:[/?;]|$)", re.IGNORECASE
)


def resolved_return_to(text: str, *, own_origin: str, allowed: Collection[str]) -> str | None:
    """The absolute address to send the browser to; None if it must not be sent there.

    Allowed are the addresses of `allowed`, letter by letter, and paths below `own_origin` that are
    still paths however often they are decoded, as careless software in between does.
    The server's own routes are not pages, and none of them is a target; nor is what `brings_code`.
    """
    if text in allowed:
        return text
    if len(text) > LONGEST or brings_code(text) or not all(map(_is_path, _readings(text))):
        return None
    return own_origin + text


def brings_code(text: str) -> bool:
    """Whether there is a parameter `code` already, however it is written.

    Ours is put behind it, and most pages take the first: then somebody else's would be exchanged.
    """
    return any(map(_has_code, _readings(text)))


def _readings(text: str) -> Iterator[str]:
    """The text, and what it becomes by decoding it again and again; each time it gets shorter."""
    yield text
    while (decoded := unquote(text)) != text:
        yield decoded
        text = decoded


def _has_code(text: str) -> bool:
    """As the least strict readers of queries see it: they trim names, and make parts of them."""
    names = (part.partition("=")[0] for part in _PARAMETERS.split(text)[1:])
    parts = (part for name in names for part in _NAME_PARTS.split(name))
    return any(part.replace("+", " ").strip().lower() == "code" for part in parts)


def _is_path(text: str) -> bool:
    path = text.partition("?")[0]
    # Some servers cut what is behind a semicolon off a segment before they resolve dots.
    segments = [segment.partition(";")[0] for segment in path.split("/")]
    return (
        _PATH.fullmatch(text) is not None
        and "//" not in path
        and ".." not in segments
        and "." not in segments
        and _OURS.match(path) is None
    )
