"""Events: after the commit, beside the request, bounded and isolated."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from agentbox.core.background import events as module
from agentbox.core.background.events import EventQueue
from agentbox.core.counters import Counters
from agentbox.model.audit import AuditEvent
from tests.core.world import START

Failures = Sequence[tuple[str, BaseException]]


def event(number: int = 0) -> AuditEvent:
    return AuditEvent(id=str(number), time=START, event="user.create", actor="system", target=None)


@pytest.fixture
def counters() -> Counters:
    return Counters()


class Plugins:
    """What the queue tells."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.failures: Failures = ()
        self.begun, self.go = threading.Event(), threading.Event()
        self.go.set()

    def tell(self, one: AuditEvent) -> Failures:
        self.begun.set()
        self.go.wait(30)
        self.told.append(one.id)
        return self.failures


def test_events_are_told_in_their_order(counters: Counters) -> None:
    plugins = Plugins()
    queue = EventQueue(plugins.tell, counters)
    queue.start()
    for number in range(100):
        queue.put(event(number))
    queue.stop()

    assert plugins.told == [str(number) for number in range(100)]


def test_a_hook_that_raises_is_counted_and_the_next_event_is_told(counters: Counters) -> None:
    plugins = Plugins()
    plugins.failures = [("example", SystemExit(1))]
    queue = EventQueue(plugins.tell, counters)
    queue.start()
    queue.put(event(1))
    queue.put(event(2))
    queue.stop()

    assert (plugins.told, counters.value("event_failures")) == (["1", "2"], 2)


# PL-06, as far as events: bounded, counted, and never waited for
def test_a_full_queue_drops_and_counts(counters: Counters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 5)
    plugins = Plugins()
    plugins.go.clear()
    queue = EventQueue(plugins.tell, counters)
    queue.start()
    queue.put(event(0))
    plugins.begun.wait(30)
    for number in range(1, 11):
        queue.put(event(number))
    plugins.go.set()
    queue.stop()

    assert (plugins.told, counters.value("events_dropped")) == ([str(n) for n in range(6)], 5)


def test_a_hook_that_hangs_does_not_hold_up_the_stop(counters: Counters) -> None:
    plugins = Plugins()
    plugins.go.clear()
    queue = EventQueue(plugins.tell, counters)
    queue.start()
    queue.put(event())
    plugins.begun.wait(30)
    queue.stop(timeout=0.01)
    still_told = list(plugins.told)
    plugins.go.set()

    assert still_told == []


def test_a_full_queue_is_told_to_its_end_at_the_stop(
    counters: Counters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    plugins = Plugins()
    plugins.go.clear()
    queue = EventQueue(plugins.tell, counters)
    queue.start()
    queue.put(event(0))
    plugins.begun.wait(30)
    for number in range(1, 4):
        queue.put(event(number))
    threading.Timer(0.05, plugins.go.set).start()
    queue.stop()

    assert (plugins.told, counters.value("events_dropped")) == (["0", "1", "2", "3"], 0)


def test_a_queue_that_was_never_started_stops(counters: Counters) -> None:
    queue = EventQueue(Plugins().tell, counters)
    queue.put(event())
    queue.stop()

    assert counters.value("event_failures") == 0
