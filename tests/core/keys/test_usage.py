"""Which hours or days a question about uses is about, and what they add up to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agentbox.core.keys.usage import Span, Step, points_of, span_of
from agentbox.errors import InsufficientScope, NotFound, ValidationFailed
from agentbox.model.access.roles import Role
from agentbox.model.api_keys import ApiKeyUsage
from agentbox.model.principal import Actor, Operator
from agentbox.model.users import User
from tests.core.keys.entries import a_key
from tests.core.world import START, World, add_user, signed_in, with_key

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = START + timedelta(minutes=30)


def test_the_last_24_hours_begin_with_a_full_one() -> None:
    assert span_of(None, None, Step.HOUR, NOW) == Span(START - DAY, NOW, Step.HOUR)


def test_a_day_is_a_day_in_utc() -> None:
    midnight = START.replace(hour=0)

    assert span_of(NOW, NOW + DAY, Step.DAY, NOW) == Span(midnight, NOW + DAY, Step.DAY)


def test_an_end_alone_is_the_end_of_24_hours() -> None:
    assert span_of(None, START, Step.HOUR, NOW) == Span(START - DAY, START, Step.HOUR)


def test_a_start_alone_goes_on_until_now() -> None:
    assert span_of(START - HOUR, None, Step.HOUR, NOW).end == NOW


def test_an_end_may_be_in_the_future() -> None:
    assert span_of(START, NOW + DAY, Step.HOUR, NOW).end == NOW + DAY


@pytest.mark.parametrize(
    ("start", "end", "step", "pointer"),
    [
        (NOW, NOW - timedelta(microseconds=1), Step.HOUR, "/end"),
        (NOW + DAY, None, Step.HOUR, "/end"),
        (START - 1000 * HOUR - HOUR, START, Step.HOUR, "/step"),
        (START - 1001 * DAY, START, Step.DAY, "/step"),
        (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), Step.DAY, "/step"),
        (None, datetime.min.replace(tzinfo=UTC), Step.HOUR, "/end"),
    ],
)
def test_a_span_that_can_not_be_told_is_refused(
    start: Any, end: Any, step: Step, pointer: str
) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        span_of(start, end, step, NOW)

    assert [fault.pointer for fault in refusal.value.errors] == [pointer]


def test_a_thousand_points_are_told() -> None:
    assert span_of(START - 1000 * HOUR, START, Step.HOUR, NOW).start == START - 1000 * HOUR


def test_hours_add_up_to_days_oldest_first_and_gaps_stay_gaps() -> None:
    midnight = START.replace(hour=0)
    hours = [
        ApiKeyUsage(midnight, 1),
        ApiKeyUsage(midnight + 23 * HOUR, 2),
        ApiKeyUsage(midnight + 72 * HOUR, 4),
    ]

    assert points_of(hours, Step.HOUR) == hours
    assert points_of(hours, Step.DAY) == [(midnight, 3), (midnight + 3 * DAY, 4)]


async def count(world: World, key_id: str, uses: dict[datetime, int]) -> None:
    async with world.storage.transaction() as tx:
        await tx.api_key_usage.add({(key_id, hour): number for hour, number in uses.items()})


async def asked(world: World, caller: Actor, key_id: str) -> list[tuple[datetime, int]]:
    span = span_of(START - 2 * HOUR, START + HOUR, Step.HOUR, START)
    return [tuple(point) for point in (await world.api_keys.usage(caller, key_id, span)).points]


async def test_what_lies_in_the_span_is_told_and_no_other_key(
    world: World, user: User, owner: Actor
) -> None:
    key, other = await a_key(world, user), await a_key(world, user)
    uses = {START + number * HOUR: 10 + number for number in range(-3, 3)}
    await count(world, key.id, uses)
    await count(world, other.id, {START: 1000})

    assert await asked(world, owner, key.id) == [
        (START - 2 * HOUR, 8),
        (START - HOUR, 9),
        (START, 10),
    ]


@pytest.mark.parametrize(
    ("role", "sees"),
    [(Role.VIEWER, False), (Role.USER, False), (Role.ADMIN, True), (Role.SUPER_ADMIN, True)],
)
async def test_who_sees_a_key_sees_its_uses(
    world: World, user: User, role: Role, sees: bool
) -> None:
    # AZ-03
    key = await a_key(world, user)
    caller = await signed_in(world.storage, await add_user(world.storage, role))
    if sees:
        assert await asked(world, caller, key.id) == []
    else:
        with pytest.raises(NotFound):
            await asked(world, caller, key.id)


async def test_the_operator_sees_all_uses(world: World, user: User) -> None:
    key = await a_key(world, user)
    await count(world, key.id, {START: 3})

    assert await asked(world, Operator(), key.id) == [(START, 3)]


async def test_a_key_sees_no_uses_without_the_scope(world: World, user: User) -> None:
    actor = await with_key(world.storage, user, ["self:read"])

    with pytest.raises(InsufficientScope):
        await asked(world, actor, actor.credential.id)
