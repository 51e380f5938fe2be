"""The sink: posts, tries again where the specification says so, and tells what was refused."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from agentbox.errors import OutboundFailed
from agentbox.model.metrics import Batch, MetricType
from agentbox.plugin import HttpClient, JsonAnswer, MetricSink, Services
from agentbox_otlp.masking import Mask
from agentbox_otlp.messages import ExportMetricsServiceResponse
from agentbox_otlp.options import OtlpOptions
from agentbox_otlp.writing import Request, Writer

RETRYABLE: Final = frozenset({429, 502, 503, 504})
"""Of all statuses these alone (OTLP specification, "Retryable Response Codes")."""

RETRYABLE_REASONS: Final = frozenset({"timeout", "connection"})

PATIENCE: Final = 8.0
"""Seconds for a batch with all its attempts; a sink has 10."""

DEADLINE: Final = 4.0
"""Seconds for one attempt."""

FIRST_PAUSE: Final = 0.5
"""Seconds before the second attempt, about; each further pause is twice as long."""

LONGEST_MESSAGE: Final = 200
"""Characters of what a collector says that are logged."""

_WHOLE_NUMBER: Final = re.compile(r"[+-]?[0-9]+")

_DIGITS: Final = 20
"""More than any number of 64 bits has; Python refuses to read thousands."""


class OtlpSink(MetricSink):
    """Posts to one collector."""

    def __init__(
        self,
        services: Services,
        client: HttpClient,
        writer: Writer,
        *,
        patience: float = PATIENCE,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        options: OtlpOptions = services.options
        self._url = options.url
        self._headers = options.headers
        self._mask = Mask(options.headers)
        self._services = services
        self._client = client
        self._writer = writer
        self._patience = patience
        self._first_pause = first_pause

    async def deliver(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        """Raises `OutboundFailed` if the collector has not taken all of it in time; what it took
        before it has. Points that it takes back are counted as `rejected`."""
        until = asyncio.get_running_loop().time() + self._patience
        for request in self._writer.requests(batch, types):
            await self._send(request, until)

    async def _send(self, request: Request, until: float) -> None:
        pause = self._first_pause
        while True:
            left = until - asyncio.get_running_loop().time()
            try:
                answer = await self._post(request.text, min(left, DEADLINE))
                return self._judge(answer, request.points)
            except _Later as later:
                # Half of the pause by chance, so that replicas don't come back together.
                wait = later.wait or pause * random.uniform(0.5, 1.0)  # noqa: S311
                if asyncio.get_running_loop().time() + wait >= until:
                    raise later.failed from None
                await asyncio.sleep(wait)
                pause *= 2

    async def _post(self, text: bytes, deadline: float) -> JsonAnswer:
        try:
            return await self._client.post_json(
                self._url, text, headers=self._headers, deadline=max(deadline, 0.1)
            )
        except OutboundFailed as failed:
            if failed.reason in RETRYABLE_REASONS:
                raise _Later(failed) from None
            raise

    def _judge(self, answer: JsonAnswer, points: int) -> None:
        if answer.status in RETRYABLE:
            wait = _seconds_until(answer.headers.get("retry-after", ""), self._services.clock.now())
            raise _Later(OutboundFailed("status", str(answer.status)), wait)
        if not 200 <= answer.status < 300:
            message = self._told(answer.body.get("message"))
            self._services.log.warning("otlp_refused", status=answer.status, message=message)
            raise OutboundFailed("status", str(answer.status))
        self._note(*_partial(answer, points))

    def _note(self, rejected: int, message: str) -> None:
        """Points that were rejected are not sent again: they would be rejected again."""
        if rejected:
            self._services.count("rejected", rejected)
        if rejected or message:
            told = self._told(message)
            self._services.log.warning("otlp_partial_success", rejected=rejected, message=told)

    def _told(self, message: object) -> str:
        """What may be logged of it. Covered before it is cut, or a half of a secret would stay."""
        return self._mask.cover(message)[:LONGEST_MESSAGE] if isinstance(message, str) else ""


class _Later(Exception):
    """To be tried again, in so many seconds where the collector says so."""

    def __init__(self, failed: OutboundFailed, wait: float = 0.0) -> None:
        self.failed = failed
        self.wait = wait


def _partial(answer: JsonAnswer, points: int) -> tuple[int, str]:
    try:
        found = msgspec.convert(answer.body, ExportMetricsServiceResponse).partial_success
        if found is None:
            return 0, ""
        return _rejected(found.rejected_data_points, points), found.error_message
    except ValueError:  # msgspec's own is one, too
        raise OutboundFailed("content", "no answer of OTLP") from None


def _rejected(said: int | str, points: int) -> int:
    """How many of so many points were rejected: never less than none, or more than there were,
    whatever is said. Raises ValueError for what is no whole number."""
    if isinstance(said, str):
        if _WHOLE_NUMBER.fullmatch(said) is None:
            raise ValueError
        said = int(said[:_DIGITS])
    return min(max(said, 0), points)


def _seconds_until(text: str, now: datetime) -> float:
    """What `Retry-After` says (RFC 9110 section 10.2.3); 0 where it says nothing that is read."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max((parsedate_to_datetime(text) - now).total_seconds(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return 0.0
