"""What the client presented: exactly one credential, read and not judged (RFC 6750 section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp import hdrs
from multidict import CIMultiDictProxy, istr

from agentbox.errors import InvalidRequest, InvalidToken, Unauthorized
from agentbox.model.evidence import Credential
from agentbox.model.secret import Secret

API_KEY: Final = istr("X-API-Key")
LONGEST: Final = 8192

_NONE: Final[Sequence[str]] = ()


def credential_of(headers: CIMultiDictProxy[str]) -> Credential:
    """The credential of a request: `Authorization: Bearer …` or `X-API-Key: …`.

    Raises `Unauthorized` if there is none, `InvalidRequest` if there are two, `InvalidToken` if
    the one there is empty, over 8 KiB, not ASCII or of another scheme. A token in the query
    string or in a form is not looked at.
    """
    bearers = headers.getall(hdrs.AUTHORIZATION, _NONE)
    keys = headers.getall(API_KEY, _NONE)
    if len(bearers) + len(keys) != 1:
        if not bearers and not keys:
            raise Unauthorized
        raise InvalidRequest("A request carries one credential, not two.")
    if keys:
        return Credential("api_key", Secret(_token(keys[0])))
    scheme, _, token = bearers[0].partition(" ")
    if scheme != "Bearer" and scheme.lower() != "bearer":
        raise InvalidToken
    return Credential("bearer", Secret(_token(token.lstrip(" "))))


def _token(text: str) -> str:
    printable = text.isascii() and text.isprintable() and " " not in text
    if not text or not printable or len(text) > LONGEST:
        raise InvalidToken
    return text
