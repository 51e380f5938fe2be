"""From the dotted names that the core counts by to families with labels.

Names of plugins, authenticators, jobs, sources and sinks are those of the configuration and of
their authors' code. A plugin may count by as many names as `MOST_NAMES` (OB-03).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from agentbox.core.counters import BOUNDS
from agentbox.core.readings.adding import summed
from agentbox.plugin.metrics import Family, Histogram

MOST_NAMES: Final = 200
"""Counters and timers of plugins that are told; further ones are left out."""

CAUSES: Final = ("address", "again", "nobody_claims_it", "rate", "state", "unknown_identity")
"""Why the core itself refuses a credential."""

Labels = tuple[str, ...]


class _Kind(NamedTuple):
    description: str
    labels: Labels = ()
    always: tuple[Labels, ...] = ()
    """Told before anything was counted, so that the first one is seen as an increase."""


def _each(*values: str) -> tuple[Labels, ...]:
    return tuple((value,) for value in values)


COUNTERS: Final[Mapping[str, _Kind]] = {
    "logins": _Kind(
        "Sign-ins, by what came of them.", ("outcome",), _each("ok", "refused", "throttled")
    ),
    "credential_checks": _Kind(
        "Credentials that were judged and hold, by kind.",
        ("kind",),
        _each("api_key", "access_token", "other"),
    ),
    "credentials_refused": _Kind(
        "Credentials that were refused, by cause; where an authenticator refused, by which.",
        ("cause", "authenticator"),
        tuple((cause, "") for cause in CAUSES),
    ),
    "throttled": _Kind(
        "Requests that had to wait: too many guesses, or a key used more often than its rate.",
        ("reason",),
        _each("guesses", "api_key_rate"),
    ),
    "refresh_reuse": _Kind("Refresh tokens that were used twice; their sessions ended.", (), ((),)),
    "plugin_failures": _Kind("Failures of plugins that were asked something.", ("plugin",)),
    "event_failures": _Kind("Plugins that raised when they were told of an event.", (), ((),)),
    "queue_dropped": _Kind(
        "What did not fit into a queue: events, refusals for the audit, batches for a sink.",
        ("queue",),
        _each("events", "audit_refusals"),
    ),
    "loop_blocked": _Kind("Times that something held up the process.", (), ((),)),
    "job_runs": _Kind(
        "Runs of jobs, by how they ended; `missed` is one that nobody began.", ("job", "outcome")
    ),
    "job_holder_changes": _Kind("Runs that another process had begun the time before.", ("job",)),
    "metric_source_faults": _Kind(
        "Ticks at which a source failed or was left alone, and samples of it that were refused.",
        ("source", "fault"),
    ),
    "metric_sink_batches": _Kind("Batches that a sink was given.", ("sink", "outcome")),
    "metric_sink_rests": _Kind("Times that a sink was left alone for a minute.", ("sink",)),
    "plugin_counts": _Kind("What plugins count.", ("plugin", "counter")),
}

TIMERS: Final[Mapping[str, _Kind]] = {
    "job_duration_seconds": _Kind("How long runs of jobs took.", ("job",)),
    "revocation_lag_seconds": _Kind(
        "How long after its commit a change of rights was heard of from another process."
    ),
    "pool_wait_seconds": _Kind(
        "How long transactions waited for a connection to the database, where they had to."
    ),
    "plugin_seconds": _Kind("What plugins take the time of.", ("plugin", "timer")),
}


class _Place(NamedTuple):
    family: str
    labels: Labels


_RULES: Final[tuple[tuple[str, Callable[[re.Match[str]], _Place]], ...]] = (
    (r"logins\.(.+)", lambda m: _Place("logins", (m[1],))),
    (r"credential_checks\.(.+)", lambda m: _Place("credential_checks", (m[1],))),
    (r"credentials_refused\.(.+)", lambda m: _Place("credentials_refused", (m[1], ""))),
    (r"credentials_refused_by\.(.+)", lambda m: _Place("credentials_refused", ("invalid", m[1]))),
    (r"guesses\.throttled", lambda m: _Place("throttled", ("guesses",))),
    (r"(refresh_reuse|event_failures|loop_blocked)", lambda m: _Place(m[1], ())),
    (r"plugin_failures\.(.+)", lambda m: _Place("plugin_failures", (m[1],))),
    (r"events_dropped", lambda m: _Place("queue_dropped", ("events",))),
    (r"audit_refusals_dropped", lambda m: _Place("queue_dropped", ("audit_refusals",))),
    (r"jobs\.(.+)\.duration", lambda m: _Place("job_duration_seconds", (m[1],))),
    (r"jobs\.(.+)\.taken_over", lambda m: _Place("job_holder_changes", (m[1],))),
    (r"jobs\.(.+)\.([a-z]+)", lambda m: _Place("job_runs", (m[1], m[2]))),
    (r"sources\.(.+)\.([a-z_]+)", lambda m: _Place("metric_source_faults", (m[1], m[2]))),
    (r"sinks\.(.+)\.dropped", lambda m: _Place("queue_dropped", (f"sink:{m[1]}",))),
    (r"sinks\.(.+)\.left_alone", lambda m: _Place("metric_sink_rests", (m[1],))),
    (r"sinks\.(.+)\.([a-z]+)", lambda m: _Place("metric_sink_batches", (m[1], m[2]))),
    (r"[^.]+\.(revocation_lag_seconds|pool_wait_seconds)", lambda m: _Place(m[1], ())),
)
_COMPILED: Final = tuple((re.compile(pattern), make) for pattern, make in _RULES)
_OF_PLUGIN: Final = re.compile(r"([^.]+)\.(.+)")


def families(counted: Mapping[str, int]) -> Iterator[Family]:
    """What a snapshot of `Counters` says; the same families each time, however much there is."""
    # In the order of their first sight, so that a name that comes later drives out no other.
    timers = [name.removesuffix(".sum_us") for name in counted if name.endswith(".sum_us")]
    parts = {f"{timer}.{part}" for timer in timers for part in _PARTS}
    counters: dict[str, dict[Labels, float | Histogram]] = {
        name: dict.fromkeys(kind.always, 0) for name, kind in COUNTERS.items()
    }
    for name, value in counted.items():
        place = None if name in parts else _place(name, "plugin_counts")
        if place is not None and place.family in counters:
            _keep(counters[place.family], place, value)
    counters["throttled"]["api_key_rate",] = counted.get("credentials_refused.rate", 0)
    durations: dict[str, dict[Labels, float | Histogram]] = {name: {} for name in TIMERS}
    for timer in timers:
        place = _place(timer, "plugin_seconds")
        if place is not None and place.family in durations:
            _keep(durations[place.family], place, _histogram(timer, counted))
    for name in ("revocation_lag_seconds", "pool_wait_seconds"):
        durations[name].setdefault((), _NOTHING)
    for name, kind in COUNTERS.items():
        yield _family(name, "counter", kind, counters[name])
    for name, kind in TIMERS.items():
        yield _family(name, "histogram", kind, durations[name])


_PARTS: Final = ("count", "sum_us", "max_us", *(f"le_{bound:g}" for bound in BOUNDS))
_NOTHING: Final = Histogram(BOUNDS, (0,) * len(BOUNDS), 0, 0.0)


def _keep(values: dict[Labels, float | Histogram], place: _Place, value: float | Histogram) -> None:
    before = values.get(place.labels)
    if isinstance(before, Histogram) and isinstance(value, Histogram):
        values[place.labels] = summed([before, value])  # two plugins wait for connections
    elif not place.family.startswith("plugin_") or len(values) < MOST_NAMES:
        values[place.labels] = value


def _family(
    name: str, kind: str, described: _Kind, values: Mapping[Labels, float | Histogram]
) -> Family:
    return Family(
        name=name,
        kind="counter" if kind == "counter" else "histogram",
        description=described.description,
        labels=described.labels,
        values=values,
    )


def _histogram(timer: str, counted: Mapping[str, int]) -> Histogram:
    return Histogram(
        BOUNDS,
        tuple(counted.get(f"{timer}.le_{bound:g}", 0) for bound in BOUNDS),
        counted.get(f"{timer}.count", 0),
        counted.get(f"{timer}.sum_us", 0) / 1e6,
    )


@lru_cache(maxsize=4096)
def _place(name: str, otherwise: str) -> _Place | None:
    name = name.encode(errors="replace").decode()  # half a character can be written nowhere
    for pattern, make in _COMPILED:
        if match := pattern.fullmatch(name):
            return make(match)
    if match := _OF_PLUGIN.fullmatch(name):
        return _Place(otherwise, (match[1], match[2]))
    return None
