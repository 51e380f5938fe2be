"""Logs: one line for each event, without secrets, written by a thread."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from agentbox.config.schema import Settings
from agentbox.config.sections import AdminSettings, ApiKeySettings, ServerSettings, TokenSettings
from agentbox.core.logs import LogHandle, configure
from agentbox.core.logs.lines import console_line, json_line
from agentbox.errors import StorageError
from agentbox.model.secret import Secret

AT = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC).timestamp()
HOSTILE = 'x\n{"level":"info"}\r\x1b[31mred\x1b[0m\x9b0m\x7f\x00\u2028\u2029\u202e\udcff'


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def settings(**server: Any) -> Settings:
    return Settings(
        server=ServerSettings(**server),
        admin=AdminSettings(),
        tokens=TokenSettings(),
        api_keys=ApiKeySettings(),
        plugins=(),
        plugin_options={},
        authenticators=(),
    )


class Logged:
    """Logging into memory."""

    def __init__(self, stream: io.StringIO, **server: Any) -> None:
        self.stream = stream
        self.handle = configure(settings(**server), stream)

    def text(self) -> str:
        self.handle.close()
        return self.stream.getvalue()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]


@pytest.fixture
def logged() -> Iterator[Logged]:
    """JSON at the level debug."""
    made = Logged(io.StringIO(), log_level="debug")
    yield made
    made.handle.close()


def test_an_event_is_one_line_of_json(logged: Logged) -> None:  # OB-02
    structlog.get_logger("agentbox.test").info("something_happened", count=1, who="a")

    [line] = logged.lines()
    assert line["time"].endswith("Z")
    assert datetime.fromisoformat(line["time"]).tzinfo is not None
    del line["time"]
    assert line == {
        "level": "info",
        "event": "something_happened",
        "logger": "agentbox.test",
        "count": 1,
        "who": "a",
    }


@pytest.mark.parametrize("place", ["event", "value", "name", "nested", "standard"])
def test_a_hostile_text_stays_in_its_line(logged: Logged, place: str) -> None:  # OB-02
    log = structlog.get_logger("agentbox.test")
    {
        "event": lambda: log.info(HOSTILE),
        "value": lambda: log.info("event", value=HOSTILE),
        "name": lambda: log.info("event", **{HOSTILE: 1}),
        "nested": lambda: log.info("event", value={HOSTILE: [HOSTILE]}),
        # pytest keeps these records too, and can't hand on half of a surrogate pair
        "standard": lambda: logging.getLogger("other").warning("%s", HOSTILE[:-1]),
    }[place]()

    text = logged.text()
    assert text.count("\n") == 1
    assert text.removesuffix("\n").isprintable()
    assert text.isascii()
    assert HOSTILE[:-1] in texts(json.loads(text))


def texts(value: object) -> str:
    """All texts of a JSON value, one after the other."""
    if isinstance(value, dict):
        return "".join(texts(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return "".join(map(texts, value))
    return value if isinstance(value, str) else ""


def test_a_hostile_text_stays_in_its_line_on_a_console() -> None:  # OB-02
    line = console_line({"time": AT, "level": "info", "event": HOSTILE, "who": HOSTILE})

    assert line.isprintable()
    assert line.startswith("2026-11-23 12:00:00.250 info    x\\n")


def test_a_terminal_gets_colours_and_everything_else_json() -> None:
    terminal, pipe = Logged(Terminal()), Logged(io.StringIO())
    pipe_line = json_line({"time": AT, "level": "error", "event": "e"})
    terminal.handle.event({"time": AT, "level": "error", "event": "e"})
    shown = terminal.text()
    pipe.handle.event({"time": AT, "level": "error", "event": "e"})

    assert shown == "2026-11-23 12:00:00.250 \x1b[31merror   e\x1b[0m\n"
    assert pipe.text() == f"{pipe_line}\n"


@pytest.mark.parametrize("wanted", ["json", "console"])
def test_the_form_can_be_told(wanted: str) -> None:
    made = Logged(Terminal() if wanted == "json" else io.StringIO(), log_format=wanted)
    made.handle.event({"time": AT, "level": "info", "event": "e"})

    assert made.text().startswith("{") is (wanted == "json")


def test_lines_below_the_level_are_left_out() -> None:
    made = Logged(io.StringIO(), log_level="warning")
    log = structlog.get_logger("agentbox.test")
    log.debug("a")
    log.info("b")
    log.warning("c")
    log.error("d")

    assert [line["event"] for line in made.lines()] == ["c", "d"]


def test_secrets_and_objects_are_never_shown(logged: Logged) -> None:  # OB-01
    log = structlog.get_logger("agentbox.test")
    log.info("event", secret=Secret("canary"), nested=[{"a": Secret("canary")}])
    log.info("event", failed=ValueError("canary"))

    text = logged.text()
    assert "canary" not in text
    assert text.count("Secret(") == 2


def test_a_foreign_exception_shows_class_and_stack_alone(logged: Logged) -> None:  # OB-01
    log = structlog.get_logger("agentbox.test")
    secret = "canary"
    try:
        raise ValueError(f"bad password: {secret}")
    except ValueError:
        log.exception("it_failed")
        logging.getLogger("other").exception("it failed too")

    lines = logged.lines()
    assert [line["exception"] for line in lines] == ["ValueError", "ValueError"]
    assert all("test_logs.py" in line["stack"] for line in lines)
    assert "canary" not in json.dumps([line for line in lines if not line["stack"]])
    assert all("detail" not in line for line in lines)
    assert [line["level"] for line in lines] == ["error", "error"]


def test_an_exception_of_ours_shows_its_sentence(logged: Logged) -> None:
    structlog.get_logger().error("failed", exc_info=StorageError("the disk is full"))

    assert logged.lines()[0]["detail"] == "the disk is full"


def test_libraries_are_heard_from_warnings_on(logged: Logged) -> None:
    logging.getLogger("other.library").info("chatter")
    logging.getLogger("other.library").warning("trouble")

    assert [(line["logger"], line["event"]) for line in logged.lines()] == [
        ("other.library", "trouble")
    ]


class Stuck(io.StringIO):
    """A stream that writes nothing until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.let_go = threading.Event()

    def write(self, text: str) -> int:
        self.entered.set()
        self.let_go.wait(20)
        return super().write(text)


def test_a_stuck_stream_drops_lines_counts_them_and_blocks_nobody() -> None:
    stream = Stuck()
    handle = LogHandle(stream, json_line, most_waiting=10)
    handle.event({"time": AT, "level": "info", "event": "first"})
    assert stream.entered.wait(20)

    for _ in range(50):
        handle.event({"time": AT, "level": "info", "event": "more"})
    stream.let_go.set()
    handle.close()

    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [event["event"] for event in events].count("more") == 10
    assert handle.dropped == 40
    assert [event["lines"] for event in events if event["event"] == "log_lines_dropped"] == [40]


class Broken(io.StringIO):
    """A stream whose disk is full."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_full_disk_stops_nothing() -> None:
    handle = LogHandle(Broken(), json_line)
    handle.event({"time": AT, "level": "info", "event": "lost"})
    handle.close()

    assert handle.dropped == 1


def test_a_line_that_can_not_be_described_is_told_and_the_next_is_written(logged: Logged) -> None:
    def broken(values: object) -> dict[str, object]:
        raise ValueError(values)

    logged.handle.submit(broken, "canary")
    logged.handle.event({"time": AT, "level": "info", "event": "next"})

    assert [line["event"] for line in logged.lines()] == ["log_line_failed", "next"]


def test_closing_twice_leaves_logging_as_it_was() -> None:
    before = logging.getLogger().handlers[:]
    made = Logged(io.StringIO())
    made.handle.close()
    made.handle.close()

    assert logging.getLogger().handlers == before
    assert not structlog.is_configured()
