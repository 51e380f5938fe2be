"""The form of an API key: `<prefix><id>_<secret><checksum>`.

The id has 12 base62 characters and is public; the secret has 43 (256 bits); the checksum is the
CRC-32 of all before it as 6 base62 characters, so that a mistyped key is refused without a look
into the database, and so that scanners can tell a key from noise.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from agentbox.model.ids import encode_base62, is_base62, random_base62
from agentbox.model.secret import Secret

ID_LENGTH = 12
SECRET_LENGTH = 43
CHECKSUM_LENGTH = 6
_TAIL_LENGTH = ID_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH

PREFIX_PATTERN = r"[a-z0-9_]{1,15}_"
_PREFIX = re.compile(PREFIX_PATTERN)


class ParsedKey(NamedTuple):
    """A well-formed key: its public id and the SHA-256 of the whole text."""

    id: str
    digest: bytes


class NewKey(NamedTuple):
    """A key just made. `shown` is what may be displayed: prefix and id."""

    id: str
    text: Secret
    digest: bytes
    shown: str


def is_prefix(text: str) -> bool:
    """2 to 16 characters of `[a-z0-9_]`, the last one `_`."""
    return _PREFIX.fullmatch(text) is not None


def checksum(text: str) -> str:
    """CRC-32 of the ASCII text as 6 base62 characters."""
    return encode_base62(zlib.crc32(text.encode("ascii")), CHECKSUM_LENGTH)


class KeyFormat:
    """Makes and parses keys: new ones with `prefix`, any of `accepted` besides."""

    __slots__ = ("_prefixes", "prefix")

    def __init__(self, prefix: str, accepted: Iterable[str] = ()) -> None:
        self.prefix = prefix
        # The longest first, so that `ak_` does not take what `ak_live_` means.
        self._prefixes = tuple(sorted({prefix, *accepted}, key=len, reverse=True))

    def recognises(self, text: str) -> bool:
        """True if `text` starts as our keys do; whether it is one, `parse` says."""
        return text.startswith(self._prefixes)

    def parse(self, text: str) -> ParsedKey | None:
        """The key's public id and digest, or None where the form or the checksum is wrong."""
        if not text.isascii():
            return None
        for prefix in self._prefixes:
            tail = text[len(prefix) :]
            if text.startswith(prefix) and len(tail) == _TAIL_LENGTH and tail[ID_LENGTH] == "_":
                key_id, rest = tail[:ID_LENGTH], tail[ID_LENGTH + 1 :]
                if not (is_base62(key_id) and is_base62(rest)):
                    return None
                if checksum(text[:-CHECKSUM_LENGTH]) != rest[SECRET_LENGTH:]:
                    return None
                return ParsedKey(key_id, hashlib.sha256(text.encode("ascii")).digest())
        return None

    def generate(self) -> NewKey:
        """A new key from the system's random source."""
        key_id = random_base62(ID_LENGTH)
        body = f"{self.prefix}{key_id}_{random_base62(SECRET_LENGTH)}"
        text = body + checksum(body)
        digest = hashlib.sha256(text.encode("ascii")).digest()
        return NewKey(key_id, Secret(text), digest, f"{self.prefix}{key_id}")
