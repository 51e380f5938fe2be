"""Charts over HTTP: what is answered for what was measured."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentbox.model.metrics import Aggregate
from tests.e2e.environments.sandbox import path_of, register, share
from tests.e2e.metrics.stored import (
    HOUR,
    MINUTE,
    SECOND,
    TICK,
    ask,
    chart,
    some_hours_ago,
    span,
    store,
    text,
    values,
)
from tests.e2e.people import People, Template
from tests.live import Live, live_server


async def test_a_series_of_everything_together_is_answered_as_it_was_measured(
    live: Live, people: People
) -> None:
    at = some_hours_ago(live)
    await store(live.runtime.storage, "cpu_usage", {at: 250.5, at + TICK: 0.0, at + 3 * TICK: 7.0})

    body = await chart(
        people.admin.caller, "/global", type="cpu_usage", **span(at, at + 10 * MINUTE)
    )

    points = body.pop("metrics")
    assert body == {
        "type": "cpu_usage",
        "start": text(at),
        "end": text(at + 10 * MINUTE),
        "step": "30s",
        "agg": "avg",
    }
    # Oldest first; where nothing was measured there is no point.
    assert [(point["timestamp"], point["value"]) for point in points] == [
        (text(at), 250.5),
        (text(at + TICK), 0.0),
        (text(at + 3 * TICK), 7.0),
    ]
    assert {point["metric_type"] for point in points} == {"cpu_usage"}
    assert all(set(p) == {"id", "metric_type", "value", "timestamp"} for p in points)
    assert len({point["id"] for point in points}) == 3


async def test_a_series_of_an_environment_is_the_same_on_every_path(
    live: Live, people: People
) -> None:
    at = some_hours_ago(live)
    mine, other = await register(people.user), await register(people.user)
    await store(live.runtime.storage, "cpu_usage", {at: 1.0}, mine["id"])
    await store(live.runtime.storage, "cpu_usage", {at: 2.0}, other["id"])
    await store(live.runtime.storage, "cpu_usage", {at: 3.0})
    asked, caller = span(at, at + HOUR), people.user.caller

    body = await chart(caller, "", type="cpu_usage", env_id=mine["id"], **asked)

    assert values(body) == {text(at): 1.0}
    assert body["environment_id"] == body["metrics"][0]["environment_id"] == mine["id"]
    assert body == await chart(caller, f"/environment/{mine['id']}", type="cpu_usage", **asked)
    assert body == await chart(caller, "/cpu-usage", env_id=mine["id"], **asked)
    of_all = await chart(people.admin.caller, "", type="cpu_usage", **asked)
    assert values(of_all) == {text(at): 3.0}
    assert of_all == await chart(people.admin.caller, "/cpu-usage", **asked)
    assert of_all == await chart(people.admin.caller, "/global", type="cpu_usage", **asked)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/running-sandboxes", "running_sandboxes"),
        ("/cpu-usage", "cpu_usage"),
        ("/memory-usage", "memory_usage"),
        ("/start-time", "start_time"),
    ],
)
async def test_the_types_that_dashboards_know_have_paths_of_their_own(
    live: Live, people: People, path: str, name: str
) -> None:
    at = some_hours_ago(live)
    await store(live.runtime.storage, name, {at: 5.0})

    body = await chart(people.admin.caller, path, **span(at, at + HOUR))

    assert (body["type"], values(body)) == (name, {text(at): 5.0})


async def test_the_points_of_a_step_become_one_in_the_way_that_is_asked_for(
    live: Live, people: People
) -> None:
    at = some_hours_ago(live)
    # Two processes measured at the first tick, one at the second.
    await store(live.runtime.storage, "cpu_usage", {at: [1.0, 3.0], at + TICK: 8.0})
    wanted = {"avg": 4.0, "min": 1.0, "max": 8.0, "sum": 12.0, "last": 8.0}
    assert set(wanted) == set(Aggregate)

    for step in ("1m", "5m", "1h"):
        for agg, value in wanted.items():
            body = await chart(
                people.admin.caller, "/cpu-usage", **span(at, at + HOUR, step=step, agg=agg)
            )
            assert (body["agg"], body["step"]) == (agg, step)
            assert values(body) == {text(at): value}, (agg, step)


async def test_of_a_counter_the_sum_is_shown_unless_told(live: Live, people: People) -> None:
    at = some_hours_ago(live)
    await store(live.runtime.storage, "logins", {at: 2.0, at + TICK: 3.0})
    asked = {"type": "logins", **span(at, at + HOUR, step="1m")}

    assert values(await chart(people.admin.caller, "/global", **asked)) == {text(at): 5.0}
    averaged = await chart(people.admin.caller, "/global", agg="avg", **asked)
    assert values(averaged) == {text(at): 2.5}


async def test_all_levels_say_the_same_of_a_span(live: Live, people: People) -> None:
    at = some_hours_ago(live)
    series = {at + n * TICK: float(n * n % 17) for n in range(240) if n % 7}
    await store(live.runtime.storage, "memory_usage", series)

    for step, agg in [("90s", "max"), ("5m", "avg"), ("30m", "sum"), ("1h", "min"), ("2h", "last")]:
        body = await chart(
            people.admin.caller, "/memory-usage", **span(at, at + 2 * HOUR, step=step, agg=agg)
        )
        assert values(body) == pytest.approx(by_hand(series, step, agg)), (step, agg)


def by_hand(series: dict[datetime, float], step: str, agg: str) -> dict[str, float]:
    """What a chart shows of raw samples."""
    length = int(step[:-1]) * {"s": SECOND, "m": MINUTE, "h": HOUR}[step[-1]]
    slots: dict[datetime, list[float]] = {}
    for at, value in series.items():
        epoch = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
        slots.setdefault(at - (at - epoch) % length, []).append(value)
    shown = {
        "avg": lambda found: math.fsum(found) / len(found),
        "min": min,
        "max": max,
        "sum": math.fsum,
        "last": lambda found: found[-1],
    }
    return {text(at): shown[agg](found) for at, found in slots.items()}


async def test_without_a_span_it_is_the_last_24_hours(live: Live, people: People) -> None:
    at = some_hours_ago(live)
    before = at - timedelta(hours=30)
    await store(live.runtime.storage, "cpu_usage", {before: 1.0, at: 2.0})

    body = await chart(people.admin.caller, "/cpu-usage")

    assert body["step"] == "2m"
    assert text(at) in values(body)
    assert text(before) not in values(body)
    length = datetime.fromisoformat(body["end"]) - datetime.fromisoformat(body["start"])
    assert timedelta(hours=24) <= length < timedelta(hours=24, minutes=2)


async def test_start_is_moved_back_to_a_full_step_and_end_is_left_out(
    live: Live, people: People
) -> None:
    at = some_hours_ago(live)
    await store(live.runtime.storage, "cpu_usage", {at + n * TICK: float(n) for n in range(60)})

    body = await chart(
        people.admin.caller,
        "/cpu-usage",
        **span(at + 7 * MINUTE + SECOND, at + 15 * MINUTE, step="5m", agg="min"),
    )

    assert body["start"] == text(at + 5 * MINUTE)
    assert values(body) == {text(at + 5 * MINUTE): 10.0, text(at + 10 * MINUTE): 20.0}


async def test_times_may_have_any_zone_and_the_end_may_be_to_come(
    live: Live, people: People
) -> None:
    at = some_hours_ago(live)
    await store(live.runtime.storage, "cpu_usage", {at: 1.0})
    elsewhere = format(at + 2 * HOUR, "%Y-%m-%dT%H:%M:%S+02:00")

    for end in (text(at + 365 * 24 * HOUR), "9999-12-31T23:59:59Z"):
        body = await chart(people.admin.caller, "/cpu-usage", start=elsewhere, end=end)

        assert (body["start"], body["step"]) == (text(at), "30s")
        assert values(body)[text(at)] == 1.0


@pytest.mark.parametrize(
    "parameters",
    [
        {"start": "1970-01-01T00:00:00Z", "step": "36500d"},
        {"start": "1970-01-01T00:00:00Z", "step": "30d"},
        {"start": "9999-01-01T00:00:00Z", "end": "9999-12-31T23:59:59Z", "step": "30s"},
        {"start": "9999-12-31T23:59:59.999999Z", "end": "9999-12-31T23:59:59.999999Z"},
        {"end": "1970-01-02T00:00:00Z"},
    ],
)
async def test_spans_at_the_ends_of_time_are_answered(
    live: Live, people: People, parameters: dict[str, str]
) -> None:
    answer = await ask(people.admin.caller, "/cpu-usage", **parameters)

    assert answer.status == 200, answer.text


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"type": "cpu"}, "/type"),
        ({"type": "CPU_USAGE"}, "/type"),
        ({"type": "cpu_usage' OR 1=1 --"}, "/type"),
        ({"type": ""}, "/type"),
        ({}, "/type"),
        ({"start": "yesterday"}, "/start"),
        ({"start": "2026-01-01T00:00:00"}, "/start"),  # of which zone?
        ({"start": "1767225600"}, "/start"),
        ({"end": "2026-13-01T00:00:00Z"}, "/end"),
        ({"end": ""}, "/end"),
        ({"start": "0001-01-01T00:00:00Z"}, "/start"),
        ({"start": "0001-01-01T00:00:00+14:00"}, "/start"),
        ({"end": "9999-12-31T23:59:59-14:00"}, "/end"),
        ({"end": "0001-01-01T00:00:00Z"}, "/end"),
        ({"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}, "/end"),
        ({"start": "1970-01-01T00:00:00Z"}, "/start"),
        ({"start": "1970-01-01T00:00:00Z", "step": "30s"}, "/step"),
        ({"step": "45s"}, "/step"),
        ({"step": "0s"}, "/step"),
        ({"step": "-30s"}, "/step"),
        ({"step": "30"}, "/step"),
        ({"step": "999999999d"}, "/step"),
        ({"agg": "median"}, "/agg"),
        ({"agg": ""}, "/agg"),
        ({"env_id": ""}, "/env_id"),
    ],
)
async def test_what_can_not_be_meant_is_refused_and_never_ignored(
    live: Live, people: People, parameters: dict[str, str], pointer: str
) -> None:
    given = {"type": "cpu_usage"} | parameters if parameters else {}

    answer = await ask(people.admin.caller, "", **given)

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert [fault["pointer"] for fault in answer.body["errors"]] == [pointer]


async def test_who_asks_for_an_unknown_type_is_told_those_there_are(
    live: Live, people: People
) -> None:
    mine = await register(people.user)

    of_all = await ask(people.admin.caller, "/global", type="cpu")
    of_mine = await ask(people.user.caller, f"/environment/{mine['id']}", type="users")

    (told,) = of_all.body["errors"]
    assert "cpu_usage" in told["detail"]
    assert "users" in told["detail"]
    # There is no such series of an environment.
    (told,) = of_mine.body["errors"]
    assert "cpu_usage" in told["detail"]
    assert "users" not in told["detail"]


async def test_all_that_is_measured_is_listed(live: Live, people: People) -> None:
    body = (await people.viewer.caller.get("/metrics/types")).body

    by_name: dict[str, Any] = {each["name"]: each for each in body["types"]}
    assert list(by_name) == sorted(by_name)
    assert by_name["cpu_usage"] | {"description": ""} == {
        "name": "cpu_usage",
        "unit": "millicores",
        "description": "",
        "kind": "gauge",
        "per_environment": True,
        "agg": "avg",
    }
    assert (by_name["logins"]["kind"], by_name["logins"]["agg"]) == ("counter", "sum")
    assert not by_name["users"]["per_environment"]
    assert body["levels"] == [
        {"step": "30s", "retention": "1d"},
        {"step": "1m", "retention": "3d"},
        {"step": "1h", "retention": "30d"},
        {"step": "1d", "retention": "730d"},
    ]
    for name in by_name:
        assert (await ask(people.admin.caller, "/global", type=name)).status == 200


async def test_an_environment_that_is_gone_has_no_series_any_more(
    live: Live, people: People
) -> None:
    at = some_hours_ago(live)
    mine = await register(people.user)
    await store(live.runtime.storage, "cpu_usage", {at: 1.0}, mine["id"])
    await people.user.caller.delete(path_of(mine))

    for person in (people.user, people.super_admin):
        answer = await ask(person.caller, f"/environment/{mine['id']}", type="cpu_usage")
        assert (answer.status, answer.error) == (404, "not_found")


async def test_a_series_of_nothing_is_an_empty_chart(live: Live, people: People) -> None:
    mine = await register(people.user)
    await share(people.user, mine, people.viewer, "viewer")

    body = await chart(people.viewer.caller, "/memory-usage", env_id=mine["id"])

    assert body["metrics"] == []


async def test_what_was_stored_is_shown_where_nothing_is_measured_any_more(
    template: Template, tmp_path: Path
) -> None:
    template.copy_to(tmp_path)
    async with live_server(tmp_path, environ={"AGENTBOX_METRICS_ENABLED": "false"}) as live:
        admin, at = People(live, template).admin.caller, some_hours_ago(live)
        await store(live.runtime.storage, "cpu_usage", {at: 1.0})
        await store(live.runtime.storage, "ex_load", {at: 2.0})

        first = await chart(admin, "/cpu-usage", **span(at, at + HOUR))
        second = await chart(admin, "/global", type="ex_load", **span(at, at + HOUR))

        assert values(first) == {text(at): 1.0}
        assert values(second) == {text(at): 2.0}
        assert (await admin.get("/metrics/types")).body["types"] == []
        assert (await ask(admin, "/global", type="No Type")).status == 422
