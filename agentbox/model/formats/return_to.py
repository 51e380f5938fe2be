"""Where a browser may be sent after a sign-in: addresses on a list, and paths of our own origin."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from urllib.parse import unquote

LONGEST = 2048

# A path with a query. No backslash, which browsers take for a slash; no fragment, since a code is
# added behind; nothing that is not printable ASCII: other characters come encoded.
_WRITTEN = re.compile(r"/(?![/\\])[!-\"$-\[\]-~]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PARAMETERS = re.compile(r"[?&;#]")
_NAME_PARTS = re.compile(r"[\[\].]")
_OURS = re.compile(
    r"/+(?:api|docs|healthz|readyz|metrics|openapi\.json|\.well-known)(?:[/?;]|$)", re.IGNORECASE
)

# What turns into one of these, where text is normalised (NFKC), only looks like something else.
_MEANT = frozenset("/\\.%?#;\u3002")
# What old code pages and IDNA take for a slash, a backslash or a dot, and NFKC does not; strokes
# that are put over the letter before; what stands for bytes that were no text.
_LOOK_ALIKES = frozenset(
    "\u2044\u2215\u2571\u29f8"  # slashes
    "\u00a5\u20a9\u2216\u2572\u29f5\u29f9\ufe68"  # backslashes, in Japan and Korea currencies
    "\u3002\uff61"  # full stops
    "\u0337\u0338\u20e5"
    "\ufffd"
)


def resolved_return_to(text: str, *, own_origin: str, allowed: Collection[str]) -> str | None:
    """The absolute address to send the browser to; None if it must not be sent there.

    Allowed are the addresses of `allowed`, letter by letter, and paths below `own_origin` that are
    still paths however often they are decoded, as careless software in between does: encoded
    characters of a path have to be printable, and none that is taken for a slash, a backslash or
    a dot. A query may hold whatever is no control character.
    The server's own routes are not pages, and none of them is a target; nor is what `brings_code`.
    """
    if text in allowed:
        return text
    if len(text) > LONGEST or not _WRITTEN.fullmatch(text) or brings_code(text):
        return None
    path, _, query = text.partition("?")
    if not _is_path(path) or any(map(_CONTROL.search, _readings(query))):
        return None
    return own_origin + text


def brings_code(text: str) -> bool:
    """Whether there is a parameter `code` already, however it is written.

    Ours is put behind it, and most pages take the first: then somebody else's would be exchanged.
    """
    return any(map(_has_code, _readings(text)))


def _readings(text: str, errors: str = "replace") -> Iterator[str]:
    """The text, and what it becomes by decoding it again and again; each time it gets shorter."""
    yield text
    while (decoded := unquote(text, errors=errors)) != text:
        yield decoded
        text = decoded


def _has_code(text: str) -> bool:
    """As the least strict readers of queries see it: they trim names, and make parts of them."""
    text = unicodedata.normalize("NFKC", text)
    names = (part.partition("=")[0] for part in _PARAMETERS.split(text)[1:])
    parts = (part for name in names for part in _NAME_PARTS.split(name))
    return any(part.replace("+", " ").strip().lower() == "code" for part in parts)


def _is_path(path: str) -> bool:
    """Whether it is a page of ours in every reading: as text, and with its letters normalised."""
    try:
        readings = list(_readings(path, "strict"))
    except UnicodeDecodeError:
        return False
    return all(
        all(map(_is_plain, set(reading)))
        and _stays(reading)
        and _stays(unicodedata.normalize("NFKC", reading))
        for reading in readings
    )


def _is_plain(character: str) -> bool:
    """Whether it is printable, and means nothing but itself."""
    if character.isascii():
        return character.isprintable() and character not in "\\#"
    return (
        character.isprintable()
        and character not in _LOOK_ALIKES
        and _MEANT.isdisjoint(unicodedata.normalize("NFKC", character))
    )


def _stays(path: str) -> bool:
    """Whether nothing in it leads elsewhere, also behind a question mark that came encoded.

    A browser resolves encoded dots there; some servers cut what is behind a semicolon off a
    segment before they resolve dots; and some trim spaces.
    """
    segments = [segment.partition(";")[0] for segment in re.split("[/?]", path)]
    return (
        "//" not in path
        and ".." not in segments
        and "." not in segments
        and all(segment == segment.strip() for segment in segments)
        and _OURS.match(path) is None
    )
