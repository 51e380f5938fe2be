"""Answers of a collector: what is tried again, what is told, what is given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import pytest

from agentbox.errors import OutboundFailed
from agentbox.model.secret import Secret
from agentbox.web.outgoing.client import OutgoingHttp
from agentbox_otlp.options import OtlpOptions
from agentbox_otlp.resources import Resources
from agentbox_otlp.sink import OtlpSink
from agentbox_otlp.writing import Writer
from tests.openid.answers import body, cut, of_json, silent
from tests.openid.fake_provider import Answerer
from tests.plugins.sinks.conftest import BATCH, NO_STORAGE, TYPES, large
from tests.plugins.sinks.receiving import OtlpReceiver
from tests.plugins.stand_in import START, StandInServices


class Scene(SimpleNamespace):
    """A sink with little patience and what it told its host."""

    sink: OtlpSink
    services: StandInServices


HEADERS = {"Authorization": Secret(" Bearer canary-of-otlp "), "X-Key": Secret("canary")}


@pytest.fixture
async def scene(receiver: OtlpReceiver) -> AsyncIterator[Scene]:
    options = OtlpOptions(endpoint=receiver.url, headers=HEADERS)
    services: Any = StandInServices(NO_STORAGE, options)
    writer = Writer(options, Resources.of({}), START)
    async with OutgoingHttp.opened() as http:
        client = http.to([receiver.url])
        sink = OtlpSink(services, client, writer, patience=1.5, first_pause=0.01)
        yield Scene(sink=sink, services=services)


async def refused(scene: Scene) -> OutboundFailed:
    with pytest.raises(OutboundFailed) as failed:
        await scene.sink.deliver(BATCH, TYPES)
    return failed.value


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_what_may_pass_is_tried_again_until_it_did(
    scene: Scene, receiver: OtlpReceiver, status: int
) -> None:
    receiver.answers = [body(b"later", status, Content_Type="text/html")] * 3
    await scene.sink.deliver(BATCH, TYPES)

    assert len(receiver.requests) == 4
    assert all(request == receiver.requests[0] for request in receiver.requests)
    assert scene.services.log.lines == []


@pytest.mark.parametrize("answer", [cut, body(b"")])
async def test_a_connection_that_breaks_is_tried_again(
    scene: Scene, receiver: OtlpReceiver, answer: Answerer
) -> None:
    receiver.answers = [answer]
    await scene.sink.deliver(BATCH, TYPES)

    assert len(receiver.requests) == (2 if answer is cut else 1)


async def test_what_does_not_pass_is_given_up_in_time(scene: Scene, receiver: OtlpReceiver) -> None:
    receiver.answer = body(b"", 503)
    async with asyncio.timeout(10):
        failed = await refused(scene)

    assert (failed.reason, str(failed)) == ("status", "503")
    assert len(receiver.requests) > 3


@pytest.mark.parametrize("status", [400, 401, 404, 405, 413, 500, 501, 505])
async def test_what_will_not_pass_is_not_tried_again(
    scene: Scene, receiver: OtlpReceiver, status: int
) -> None:
    receiver.answer = of_json({"code": 3, "message": "no such tenant"}, status)
    failed = await refused(scene)

    assert (failed.reason, str(failed)) == ("status", str(status))
    assert len(receiver.requests) == 1
    assert scene.services.log.lines == [
        ("warning", "otlp_refused", {"status": status, "message": "no such tenant"})
    ]


async def test_retry_after_is_kept_to(scene: Scene, receiver: OtlpReceiver) -> None:
    receiver.answers = [body(b"", 429, Retry_After="1")]
    loop = asyncio.get_running_loop()
    began = loop.time()
    await scene.sink.deliver(BATCH, TYPES)

    assert loop.time() - began >= 1
    assert len(receiver.requests) == 2


@pytest.mark.parametrize(
    "after", ["3600", format_datetime(START + timedelta(hours=1), usegmt=True)]
)
async def test_a_collector_that_wants_to_be_left_alone_for_long_is_given_up_at_once(
    scene: Scene, receiver: OtlpReceiver, after: str
) -> None:
    receiver.answer = body(b"", 503, Retry_After=after)
    await refused(scene)

    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    "after",
    [
        *("", "soon", "-1", "\u00bd", format_datetime(START, usegmt=True), "Mon, 1 Jan 1 1:1:1"),
        f"Mon, 1 Jan {'9' * 30} 1:1:1 GMT",
        f"Mon, 1 Jan 2026 1:1:1 +{'9' * 30}",
    ],
)
async def test_a_retry_after_that_says_nothing_is_as_none(
    scene: Scene, receiver: OtlpReceiver, after: str
) -> None:
    receiver.answers = [body(b"", 503, Retry_After=after)]
    await scene.sink.deliver(BATCH, TYPES)

    assert len(receiver.requests) == 2


@pytest.mark.parametrize("rejected", ["2", 2])
async def test_a_partial_success_is_counted_told_and_not_tried_again(
    scene: Scene, receiver: OtlpReceiver, rejected: object
) -> None:
    partial = {"rejectedDataPoints": rejected, "errorMessage": "too old"}
    receiver.answer = of_json({"partialSuccess": partial})
    await scene.sink.deliver(BATCH, TYPES)

    assert len(receiver.requests) == 1
    assert scene.services.counted == {"rejected": 2}
    assert scene.services.log.lines == [
        ("warning", "otlp_partial_success", {"rejected": 2, "message": "too old"})
    ]


@pytest.mark.parametrize(
    ("said", "rejected"),
    [
        *(("0", 0), ("-1", 0), (-(2**63), 0), ("-" + "9" * 5000, 0)),
        *(("4", 4), ("5", 4), (2**63 - 1, 4), ("9" * 25, 4), ("9" * 5000, 4)),
    ],
    ids=lambda said: str(said)[:12],
)
async def test_no_collector_rejects_more_points_than_it_got_or_less_than_none(
    scene: Scene, receiver: OtlpReceiver, said: object, rejected: int
) -> None:
    receiver.answer = of_json({"partialSuccess": {"rejectedDataPoints": said}})
    await scene.sink.deliver(BATCH, TYPES)

    assert scene.services.counted["rejected"] == rejected


async def test_points_are_those_of_the_request_that_was_answered(
    scene: Scene, receiver: OtlpReceiver
) -> None:
    receiver.answer = of_json({"partialSuccess": {"rejectedDataPoints": "9000"}})
    await scene.sink.deliver(large(1250), TYPES)

    told = [values["rejected"] for _, _, values in scene.services.log.lines]
    assert told == [1000, 250]


SAID = [
    ("no such token: Bearer canary-of-otlp", "no such token: ***"),
    ("canary-of-otlp, CANARY-OF-OTLP, canary", "***, ***, ***"),
    # What is cut off takes no half of a secret with it.
    ("x" * 190 + "Bearer canary-of-otlp", "x" * 190 + "***"),
]


@pytest.mark.parametrize(("said", "told"), SAID)
async def test_a_refusal_that_repeats_a_secret_is_told_without_it(  # OB-01
    scene: Scene, receiver: OtlpReceiver, said: str, told: str
) -> None:
    receiver.answer = of_json({"message": said}, 401)
    await refused(scene)

    assert [values["message"] for _, _, values in scene.services.log.lines] == [told]


@pytest.mark.parametrize(("said", "told"), SAID)
async def test_a_partial_success_that_repeats_a_secret_is_told_without_it(  # OB-01
    scene: Scene, receiver: OtlpReceiver, said: str, told: str
) -> None:
    receiver.answer = of_json({"partialSuccess": {"errorMessage": said}})
    await scene.sink.deliver(BATCH, TYPES)

    assert [values["message"] for _, _, values in scene.services.log.lines] == [told]


async def test_a_refusal_whose_message_is_no_text_is_told_without_one(
    scene: Scene, receiver: OtlpReceiver
) -> None:
    receiver.answer = of_json({"message": {"a": "canary"}}, 400)
    await refused(scene)

    assert [values["message"] for _, _, values in scene.services.log.lines] == [""]


async def test_a_warning_of_the_collector_is_told_and_rejects_nothing(
    scene: Scene, receiver: OtlpReceiver
) -> None:
    receiver.answer = of_json({"partialSuccess": {"errorMessage": "x" * 10_000}})
    await scene.sink.deliver(BATCH, TYPES)

    assert scene.services.counted == {}
    (line,) = scene.services.log.lines
    assert line == ("warning", "otlp_partial_success", {"rejected": 0, "message": "x" * 200})


@pytest.mark.parametrize("answer", [of_json({}), of_json({"partialSuccess": {}}), body(b"")])
async def test_a_whole_success_is_told_nobody(
    scene: Scene, receiver: OtlpReceiver, answer: Answerer
) -> None:
    receiver.answer = answer
    await scene.sink.deliver(BATCH, TYPES)

    assert (scene.services.log.lines, scene.services.counted) == ([], {})


MALFORMED = [
    body(b"<h1>Welcome</h1>", Content_Type="text/html"),
    body(b"{"),
    body(b"[]"),
    body(b"\x0a\x02\x08\x01", Content_Type="application/x-protobuf"),
    of_json({"partialSuccess": 7}),
    of_json({"partialSuccess": {"rejectedDataPoints": "many"}}),
    of_json({"partialSuccess": {"rejectedDataPoints": 1.5}}),
    of_json({"partialSuccess": {"errorMessage": 1}}),
]


@pytest.mark.parametrize("answer", MALFORMED)
async def test_a_success_that_is_no_answer_of_otlp_has_failed(
    scene: Scene, receiver: OtlpReceiver, answer: Answerer
) -> None:
    receiver.answer = answer
    failed = await refused(scene)

    assert failed.reason == "content"
    assert len(receiver.requests) == 1


async def test_a_redirect_is_not_followed(scene: Scene, receiver: OtlpReceiver) -> None:
    receiver.answer = body(b"", 307, Location=f"{receiver.url}/elsewhere")
    failed = await refused(scene)

    assert failed.reason == "redirect"
    assert receiver.paths == ["/v1/metrics"]


async def test_a_collector_that_hangs_is_given_up_in_time(
    scene: Scene, receiver: OtlpReceiver
) -> None:
    receiver.answer = silent
    async with asyncio.timeout(10):
        failed = await refused(scene)

    assert failed.reason == "timeout"
