"""Series and figures, as clients ask for them and get them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from agentbox.config.effective import Row
from agentbox.core.charts.figures import Figures
from agentbox.core.charts.series import KeptLevel, Series
from agentbox.model.metrics import Aggregate, MetricKind, MetricType
from agentbox.model.times import EPOCH, format_duration
from agentbox.plugin.turns import AT_ONCE, in_turns
from agentbox.web.handlers.shapes.api_keys import Moment
from agentbox.web.handlers.shapes.fields import Id

TypeName = Annotated[
    str, Meta(min_length=1, max_length=64, description="One of those that /metrics/types lists")
]
StepText = Annotated[
    str, Meta(min_length=2, max_length=12, description="From one point to the next, such as 5m")
]

CSV = "text/csv; charset=utf-8; header=present"
_COLUMNS = b"timestamp,metric_type,environment_id,value\r\n"

_encode = msgspec.json.Encoder().encode


class SpanQuery(Struct, frozen=True, kw_only=True):
    """Which points: without a word those of the last 24 hours, as finely as fits 1000 of them."""

    start: Moment | None = None
    end: Moment | None = None
    step: StepText | None = None
    agg: Aggregate | None = None


class SeriesOfQuery(SpanQuery, frozen=True, kw_only=True):
    """Of what."""

    type: TypeName


class SeriesQuery(SeriesOfQuery, frozen=True, kw_only=True):
    """Of what and of which environment, or of everything together."""

    env_id: Id | None = None


class OneTypeQuery(SpanQuery, frozen=True, kw_only=True):
    """Of which environment, or of everything together."""

    env_id: Id | None = None


class PointOut(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The value of the step that begins at `timestamp`; always a finite number.

    Without `gc`: thousands of these, none in a circle, would have the garbage collector walk all
    there is.
    """

    id: str
    metric_type: str
    value: float
    timestamp: datetime
    environment_id: str | None = None


class SeriesOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A series, oldest first. A step in which nothing was measured has no point."""

    type: str
    start: datetime
    end: datetime
    step: str
    agg: Aggregate
    metrics: list[PointOut]
    environment_id: str | None = None


class MetricTypeOut(Struct, frozen=True, kw_only=True):
    """Something that is measured, and what `agg` is unless it is given."""

    name: str
    unit: str
    description: str
    kind: MetricKind
    per_environment: bool
    agg: Aggregate


class LevelOut(Struct, frozen=True, kw_only=True):
    """How finely values are kept, and for how long."""

    step: str
    retention: str


class MetricTypesOut(Struct, frozen=True, kw_only=True):
    """What may be asked for, by name; the steps that a `step` is a multiple of."""

    types: list[MetricTypeOut]
    levels: list[LevelOut]


class EnvironmentCounts(Struct, frozen=True, kw_only=True):
    """Environments by what they do; those that have fallen silent while running are `stale`, and
    not among those that run."""

    total: int
    pending: int
    running: int
    stale: int
    terminated: int
    failed: int


class LoginCounts(Struct, frozen=True, kw_only=True):
    """Sign-ins of the last 24 hours."""

    ok: int
    refused: int


class StatsOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much there is of what the caller may see. All but the first two are there for those who
    have `system:read`, and `logins` where they were counted."""

    environments: EnvironmentCounts
    running_sandboxes: int
    users: int | None = None
    sessions: int | None = None
    api_keys: int | None = None
    logins: LoginCounts | None = None


class SettingOut(Struct, frozen=True, kw_only=True):
    """A setting, its value as it may be shown (a secret is `(set)`), and where it came from."""

    setting: str
    value: str
    origin: str


class ConfigOut(Struct, frozen=True, kw_only=True):
    """All settings that hold."""

    settings: list[SettingOut]


async def series_out(series: Series) -> SeriesOut:
    """A series as clients get it."""
    plan, name, environment_id = series.plan, series.type.name, series.environment_id
    step = format_duration(plan.step)
    of = f"{environment_id}.{name}.{step}" if environment_id else f"{name}.{step}"
    points = [
        PointOut(
            id=f"{of}.{int((at - EPOCH).total_seconds())}",
            metric_type=name,
            value=value,
            timestamp=at,
            environment_id=environment_id,
        )
        async for some in in_turns(series.points)
        for at, value in some
    ]
    return SeriesOut(
        type=name,
        start=plan.start,
        end=plan.end,
        step=step,
        agg=series.aggregate,
        metrics=points,
        environment_id=environment_id,
    )


def csv_of(series: SeriesOut) -> Iterator[bytes]:
    """The points as RFC 4180 has it: ids, names and numbers, none of which needs quotes."""
    yield _COLUMNS
    between = f",{series.type},{series.environment_id or ''},"
    for first in range(0, len(series.metrics), AT_ONCE):
        points = series.metrics[first : first + AT_ONCE]
        # JSON has the same texts, and makes them in a ninth of the time of isoformat.
        times = _encode([point.timestamp for point in points]).decode()[2:-2].split('","')
        lines = zip(times, points, strict=True)
        yield "".join([f"{at}{between}{point.value!r}\r\n" for at, point in lines]).encode()


def types_out(types: Sequence[MetricType], levels: Sequence[KeptLevel]) -> MetricTypesOut:
    """What may be asked for, as clients get it."""
    return MetricTypesOut(
        types=[
            MetricTypeOut(
                name=each.name,
                unit=each.unit,
                description=each.description,
                kind=each.kind,
                per_environment=each.per_environment,
                agg=each.aggregate,
            )
            for each in types
        ],
        levels=[
            LevelOut(step=format_duration(step), retention=format_duration(kept))
            for step, kept in levels
        ],
    )


def stats_out(figures: Figures) -> StatsOut:
    """The figures as clients get them."""
    counts = {status.value: number for status, number in figures.environments.items()}
    total = sum(counts.values()) + figures.stale
    environments = EnvironmentCounts(total=total, stale=figures.stale, **counts)
    of_all = figures.of_all
    if of_all is None:
        return StatsOut(environments=environments, running_sandboxes=figures.running_sandboxes)
    logins = None
    if of_all.logins is not None and of_all.logins_refused is not None:
        logins = LoginCounts(ok=of_all.logins, refused=of_all.logins_refused)
    return StatsOut(
        environments=environments,
        running_sandboxes=figures.running_sandboxes,
        users=of_all.users,
        sessions=of_all.sessions,
        api_keys=of_all.api_keys,
        logins=logins,
    )


def config_out(rows: Sequence[Row]) -> ConfigOut:
    """The settings as clients get them."""
    return ConfigOut(
        settings=[
            SettingOut(setting=row.setting, value=row.value, origin=row.origin) for row in rows
        ]
    )
