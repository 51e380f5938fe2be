"""Requests are counted by labels that no client chooses."""

from __future__ import annotations

from agentbox.core.readings.requests import BOUNDS, CLASSES, METHODS, RequestCounts
from agentbox.plugin.metrics import Family, Histogram


def families(counts: RequestCounts) -> dict[str, Family]:
    return {family.name: family for family in counts.families()}


def test_a_request_is_counted_by_route_method_and_class_of_status() -> None:
    counts = RequestCounts()
    of_route = counts.of("/things/{id}", "GET", "things")
    of_route.note(200, 0.1)
    of_route.note(204, 0.1)
    of_route.note(503, 0.1)

    values = families(counts)["http_requests"].values
    assert values["/things/{id}", "GET", "2xx"] == 2
    assert values["/things/{id}", "GET", "5xx"] == 1
    assert values["/things/{id}", "GET", "4xx"] == 0


def test_a_status_that_is_none_is_counted_as_another() -> None:
    counts = RequestCounts()
    for status in (-1, 0, 99, 600, 10_000):
        counts.of("/", "GET", "g").note(status, 0.1)

    assert families(counts)["http_requests"].values["/", "GET", "other"] == 5


def test_a_method_that_is_not_on_the_list_is_another() -> None:  # OB-03
    counts = RequestCounts()
    before = families(counts)["http_requests"].values.keys()
    for method in ("BREW", "get", "", "X" * 1000):
        counts.unrouted(method).note(404, 0.1)

    values = families(counts)["http_requests"].values
    assert values.keys() == before == {("none", method, "4xx") for method in METHODS}
    assert values["none", "other", "4xx"] == 4


def test_durations_are_told_by_group_and_add_up() -> None:
    counts = RequestCounts()
    counts.of("/a", "GET", "g").note(200, BOUNDS[0])
    counts.of("/b", "POST", "g").note(200, BOUNDS[0] * 1.01)
    counts.of("/b", "POST", "g").note(200, 1000.0)

    told = families(counts)["http_request_duration_seconds"].values["g", "2xx"]
    assert isinstance(told, Histogram)
    assert told.counts == (1, *[2] * (len(BOUNDS) - 1))
    assert told.count == 3
    assert round(told.total) == 1000


def test_one_row_counts_in_one_place_however_often_it_is_asked_for() -> None:
    counts = RequestCounts()

    assert counts.of("/a", "GET", "g") is counts.of("/a", "GET", "g")
    assert len(counts.of("/a", "GET", "g").cells) == len(CLASSES)
