"""What the core counts by dotted names becomes families with labels from fixed sets."""

from __future__ import annotations

import pytest

from agentbox.core.counters import LARGEST, Counters
from agentbox.core.readings.naming import MOST_NAMES, families
from agentbox.plugin.metrics import Family, Histogram


def told(counters: Counters) -> dict[str, Family]:
    return {family.name: family for family in families(counters.snapshot())}


@pytest.mark.parametrize(
    ("counted", "family", "labels"),
    [
        ("logins.ok", "logins", ("ok",)),
        ("credential_checks.api_key", "credential_checks", ("api_key",)),
        ("credentials_refused.state", "credentials_refused", ("state", "")),
        ("credentials_refused_by.apikey", "credentials_refused", ("invalid", "apikey")),
        ("credentials_refused.rate", "throttled", ("api_key_rate",)),
        ("guesses.throttled", "throttled", ("guesses",)),
        ("refresh_reuse", "refresh_reuse", ()),
        ("plugin_failures.jwt", "plugin_failures", ("jwt",)),
        ("events_dropped", "queue_dropped", ("events",)),
        ("audit_refusals_dropped", "queue_dropped", ("audit_refusals",)),
        ("sinks.statsd.dropped", "queue_dropped", ("sink:statsd",)),
        ("sinks.statsd.failed", "metric_sink_batches", ("statsd", "failed")),
        ("sinks.statsd.left_alone", "metric_sink_rests", ("statsd",)),
        ("sources.host.left_alone", "metric_source_faults", ("host", "left_alone")),
        ("jobs.purge-expired.ok", "job_runs", ("purge-expired", "ok")),
        ("jobs.purge-expired.taken_over", "job_holder_changes", ("purge-expired",)),
        ("loop_blocked", "loop_blocked", ()),
        ("event_failures", "event_failures", ()),
        ("password.hashes", "plugin_counts", ("password", "hashes")),
    ],
)
def test_a_count_is_told_where_it_belongs(
    counted: str, family: str, labels: tuple[str, ...]
) -> None:
    counters = Counters()
    before = told(counters)[family].values.get(labels, 0)
    counters.add(counted, 3)

    assert before == 0
    assert told(counters)[family].values[labels] == 3


@pytest.mark.parametrize(
    ("observed", "family", "labels"),
    [
        ("jobs.purge-expired.duration", "job_duration_seconds", ("purge-expired",)),
        ("postgres.revocation_lag_seconds", "revocation_lag_seconds", ()),
        ("sqlite.pool_wait_seconds", "pool_wait_seconds", ()),
        ("mine.asking", "plugin_seconds", ("mine", "asking")),
    ],
)
def test_a_time_is_told_as_a_histogram(observed: str, family: str, labels: tuple[str, ...]) -> None:
    counters = Counters()
    counters.observe(observed, 0.02)
    counters.observe(observed, 2.0)

    assert told(counters)[family].values[labels] == Histogram(
        (0.01, 0.05, 0.25, 1.0), (0, 1, 1, 1), 2, 2.02
    )


def test_a_plugin_that_counts_by_ever_new_names_is_told_so_far() -> None:  # OB-03
    counters = Counters()
    for number in range(MOST_NAMES + 50):
        counters.add(f"careless.{number}")

    assert len(told(counters)["plugin_counts"].values) == MOST_NAMES


def test_the_families_are_the_same_before_anything_has_happened() -> None:
    counters, busy = Counters(), Counters()
    busy.add("jobs.purge-expired.ok")
    busy.observe("mine.asking", 1.0)

    assert told(counters).keys() == told(busy).keys()


def test_a_series_of_a_timer_stays_when_a_name_comes_that_sorts_before_it() -> None:
    counters = Counters()
    for number in range(MOST_NAMES):
        counters.observe(f"careless.t{number:03}", 1.0)
    before = told(counters)["plugin_seconds"].values.keys()
    counters.observe("careless.a", 1.0)

    assert len(before) == MOST_NAMES
    assert told(counters)["plugin_seconds"].values.keys() == before


def test_two_plugins_that_wait_for_connections_wait_together() -> None:
    counters = Counters()
    counters.observe("postgres.pool_wait_seconds", 0.02)
    counters.observe("acme.pool_wait_seconds", 2.0)

    assert told(counters)["pool_wait_seconds"].values == {
        (): Histogram((0.01, 0.05, 0.25, 1.0), (0, 1, 1, 1), 2, 2.02)
    }


def test_half_a_character_in_a_name_is_told_as_one_that_can_be_written() -> None:
    counters = Counters()
    counters.add("acme.\ud800")

    assert told(counters)["plugin_counts"].values == {("acme", "?"): 1}


def test_nothing_is_counted_further_than_can_be_told() -> None:
    counters = Counters()
    for _ in range(2):
        counters.add("acme.points", 10**400)
        counters.observe("acme.asking", 1e300)
    families = told(counters)
    (asking,) = families["plugin_seconds"].values.values()

    assert families["plugin_counts"].values == {("acme", "points"): LARGEST}
    assert isinstance(asking, Histogram)
    assert (asking.count, asking.total) == (2, LARGEST / 1e6)
