"""Asking other servers: what the host hands to plugins that have to.

The host's client goes nowhere but to the origins it was asked for, follows no redirect, has a
deadline and a size for every answer, and reads JSON strictly (OP-07, OA-11, IV-04).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, Protocol

from msgspec import Struct

from agentbox.model.secret import Secret

DEADLINE: Final = 5.0
"""Seconds that an answer may take from beginning to end, unless a call says otherwise."""

MOST_BYTES: Final = 256 * 1024
"""The largest answer that is read."""


class JsonAnswer(Struct, frozen=True):
    """A status and a JSON object; headers in lower case."""

    status: int
    body: Mapping[str, object]
    headers: Mapping[str, str] = {}


class HttpClient(Protocol):
    """Requests to the origins that it was made for, each answered with a JSON object.

    Every method raises `OutboundFailed`, whose `reason` is one word for the log and the audit: the
    `origin` is not one of those, the server does not answer in time or at all (`timeout`,
    `connection`, `tls`), it sends us elsewhere (`redirect`), more than `MOST_BYTES` (`size`), or
    something else than one well-formed JSON object (`content`); or this process is a command beside
    a server and asks nobody (`offline`).

    A status is for the caller to judge. Whatever comes with one of 400 and above and is no JSON
    object is an empty one: an error may be told by something that stands in between.
    """

    async def get(
        self, url: str, *, bearer: Secret | None = None, deadline: float = DEADLINE
    ) -> JsonAnswer:
        """GET, with an access token where one is given."""

    async def post_form(
        self,
        url: str,
        fields: Mapping[str, str | Secret],
        *,
        basic: tuple[str, Secret] | None = None,
        deadline: float = DEADLINE,
    ) -> JsonAnswer:
        """POST of a form; `basic` is a client's id and secret (RFC 6749 section 2.3.1)."""

    async def post_json(
        self,
        url: str,
        text: bytes,
        *,
        headers: Mapping[str, str | Secret] = {},
        deadline: float = DEADLINE,
    ) -> JsonAnswer:
        """POST of a JSON text, to what need not answer with one: no body is an empty object."""


class Outgoing(Protocol):
    """Where clients come from."""

    def to(self, origins: Collection[str]) -> HttpClient:
        """A client for these origins alone, such as `https://accounts.example.org`.

        Raises ValueError for what is not an origin, and for plain http anywhere but on loopback.
        """
