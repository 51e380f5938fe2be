"""The section [metrics]: its rules, and what its values are read as."""

from __future__ import annotations

import pytest

from agentbox.config.addresses import listen_address


def first(place, name: str, value: str) -> str:
    (fault,) = place.faults({name: value})
    return fault


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "AGENTBOX_METRICS_COLLECTION_INTERVAL",
            "4s",
            "(metrics.collection_interval): 4s is out of the range 5s to 1h.",
        ),
        (
            "AGENTBOX_METRICS_COLLECTION_INTERVAL",
            "2h",
            "(metrics.collection_interval): 2h is out of the range 5s to 1h.",
        ),
        (
            "AGENTBOX_METRICS__RAW_RETENTION",
            "59m",
            "(metrics.raw_retention): 59m is out of the range 1h to 90d.",
        ),
        (
            "AGENTBOX_METRICS__MINUTE_RETENTION",
            "23h",
            "(metrics.minute_retention): 23h is less than raw_retention (1d); coarser values are "
            "kept at least as long as finer ones.",
        ),
        (
            "AGENTBOX_METRICS_RETENTION_DAYS",
            "2",
            "(metrics.retention_days): 2d is less than minute_retention (3d); coarser values are "
            "kept at least as long as finer ones.",
        ),
        (
            "AGENTBOX_METRICS__DAY_RETENTION",
            "29d",
            "(metrics.day_retention): 29d is less than retention_days (30d); coarser values are "
            "kept at least as long as finer ones.",
        ),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(place, name, value, sentence) -> None:
    assert first(place, name, value) == f"{name} {sentence}"


@pytest.mark.parametrize("text", ["7s", "45s", "90s", "7m", "45m", "5500ms"])
def test_an_interval_that_steps_are_not_made_of_is_refused(place, text) -> None:
    name = "AGENTBOX_METRICS_COLLECTION_INTERVAL"
    assert first(place, name, text).endswith(
        "does not divide a minute, and is no number of minutes that divides an hour; take 30s or "
        "5m, for example."
    )


@pytest.mark.parametrize("text", ["5s", "6s", "10s", "30s", "60s", "1m", "2m", "15m", "20m", "1h"])
def test_steps_are_made_of_whole_intervals(place, text) -> None:
    assert place.faults({"AGENTBOX_METRICS_COLLECTION_INTERVAL": text}) == []


@pytest.mark.parametrize(
    "text", ["9464", ":9464", "127.0.0.1", "127.0.0.1:", "::1:9464", "[::1]", "a:65536", "a b:1"]
)
def test_what_is_no_address_with_a_port_is_not_listened_on(place, text) -> None:
    assert first(place, "AGENTBOX_METRICS__LISTEN", text).endswith(
        "is not an address and a port, such as 127.0.0.1:9464."
    )


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        ("[::1]:9464", ("::1", 9464)),
        ("Metrics.internal:1", ("metrics.internal", 1)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
    ],
)
def test_an_address_to_listen_on_has_a_host_and_a_port(place, text, address) -> None:
    assert place.faults({"AGENTBOX_METRICS__LISTEN": text}) == []
    assert listen_address(text) == address
