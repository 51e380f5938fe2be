"""Bodies: size, media type, strict JSON, then the route's type."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import HttpVersion11, hdrs, web
from msgspec import Struct

from agentbox.errors import (
    FieldFault,
    InvalidRequest,
    MalformedBody,
    PayloadTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
)
from agentbox.model.formats import strict_json
from agentbox.web.typed.conversion import to_struct

LARGEST: Final = 64 * 1024
DEADLINE: Final = 30.0


class BodyReader:
    """Reads a request's JSON body within a size (bytes) and a total time (seconds)."""

    __slots__ = ("_deadline", "_largest")

    def __init__(self, *, largest: int = LARGEST, deadline: float = DEADLINE) -> None:
        self._largest = largest
        self._deadline = deadline

    async def read(
        self, request: web.Request, kind: type[Struct], *, required: bool = True
    ) -> Struct:
        """The body as a `kind`; unless it is `required`, none is an empty object.

        Raises `PayloadTooLarge` before buffering it, `UnsupportedMediaType`, `MalformedBody` (also
        for no body), `ValidationFailed`, and `InvalidRequest` if it does not come in time.
        """
        declared = request.content_length
        if declared is not None and declared > self._largest:
            raise PayloadTooLarge
        if not request.can_read_body:
            if not required:
                return to_struct({}, kind)
            raise MalformedBody("This needs a body in JSON.")
        if request.headers.get(hdrs.TRANSFER_ENCODING, "chunked").lower() != "chunked":
            raise InvalidRequest("The only transfer encoding that is read is chunked.")
        _check_media_type(request)
        await _continue(request)
        return parse(await self._bytes(request), kind)

    async def _bytes(self, request: web.Request) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(self._deadline):
                while chunk := await request.content.readany():
                    body += chunk
                    if len(body) > self._largest:
                        raise PayloadTooLarge
        except TimeoutError:
            raise InvalidRequest("The body did not come in time.") from None
        return bytes(body)


def parse(data: bytes, kind: type[Struct]) -> Struct:
    """The bytes of a JSON text as a `kind`; raises `MalformedBody` or `ValidationFailed`."""
    try:
        value = strict_json.loads(data)
    except strict_json.MalformedJson as fault:
        raise MalformedBody(fault.detail) from None
    except strict_json.NulInText as fault:
        raise ValidationFailed(
            errors=[FieldFault(fault.pointer[:256], "A text can't hold NUL.")]
        ) from None
    return to_struct(value, kind)


def _check_media_type(request: web.Request) -> None:
    encoding = request.headers.get(hdrs.CONTENT_ENCODING, "identity")
    if encoding.strip().lower() != "identity":
        raise UnsupportedMediaType("The body must not be encoded.")
    media_type, *parameters = request.headers.get(hdrs.CONTENT_TYPE, "").split(";")
    if media_type.strip().lower() != "application/json":
        raise UnsupportedMediaType("The body must be application/json.")
    for parameter in parameters:
        name, _, value = parameter.strip().lower().partition("=")
        if name == "charset" and value.strip('"') not in {"utf-8", "utf8"}:
            raise UnsupportedMediaType("The body must be in UTF-8.")


async def _continue(request: web.Request) -> None:
    """Ask for the body only once it will be read (RFC 9110 section 10.1.1)."""
    if request.version == HttpVersion11 and request.headers.get(hdrs.EXPECT, "") != "":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
