"""A SQLite database of many users and environments, the same at each run."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from agentbox.model.access.roles import Permission, Role
from agentbox.model.environments import Environment, EnvironmentStatus, Grant
from agentbox.model.ids import ALPHABET
from agentbox.model.users import Status, User
from agentbox.plugin.sql import Row, SqlTransaction, Value
from agentbox_sqlite.connection import SqliteConnection, bound
from agentbox_sqlite.schema import own_folders
from agentbox_sqlite.storage import SqliteStorage

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=417, microseconds=31)

MANY = 1000
"""How many environments the user with many grants was granted."""

FIRST = ("Ada", "Bea", "Carl", "Dan", "Eve", "Finn", "Grace", "Hugo", "Ines", "Jack")
LAST = ("Lovelace", "Hopper", "Turing", "Liskov", "Kay", "Noether", "Dijkstra", "Lamport")
ANIMALS = ("Otter", "Heron", "Lynx", "Badger", "Finch", "Marten", "Stoat")
TEAMS = ("blue", "red", "green", "amber", "violet", "grey", "white", "black", "teal", "pink")


class Filled(NamedTuple):
    """Ids, oldest first, and those of users with a part in the cases."""

    users: Sequence[str]
    environments: Sequence[str]

    @property
    def granted_many(self) -> str:
        """Was granted `MANY` environments, evenly spread."""
        return self.users[0]

    @property
    def granted_all(self) -> str:
        """Was granted every one."""
        return self.users[1]

    @property
    def owner_of_many(self) -> str:
        """Has every fifth environment."""
        return self.users[2]

    @property
    def owner_of_few(self) -> str:
        """Has a handful, as most have."""
        return self.users[-1]


def when(number: int) -> datetime:
    """The creation of the n-th row."""
    return BEGIN + number * STEP


async def fill(path: Path, size: int) -> Filled:
    """Make the database with `size` users and as many environments, in one transaction."""
    chance = random.Random(7)
    ids = ["".join(chance.choices(ALPHABET, k=20)) for _ in range(2 * size)]
    filled = Filled(ids[:size], ids[size:])
    SqliteStorage(path).migrate(own_folders())
    with closing(sqlite3.connect(path)) as connection, connection:
        tx = SqlTransaction(_Direct(connection))
        for user in _users(filled, chance):
            await tx.users.add(user)
        for environment in _environments(filled, chance):
            await tx.environments.add(environment)
            for grant in _grants(filled, environment, chance):
                await tx.grants.add(grant)
    return filled


class _Direct(SqliteConnection):
    """The kit's connection without a thread between: most of the time would go there."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._direct = connection

    async def fetch(self, sql: str, *values: Value) -> Sequence[Row]:
        return self._direct.execute(sql, bound(values)).fetchall()

    async def run_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        self._direct.executemany(sql, map(bound, rows))


def _users(filled: Filled, chance: random.Random) -> Iterator[User]:
    for number, id_ in enumerate(filled.users):
        name = f"{chance.choice(FIRST)}.{chance.choice(LAST)}-{number}"
        yield User(
            id=id_,
            username=name,
            email=f"{name.lower()}@mail.example.org" if number % 5 else None,
            email_verified=number % 3 == 0,
            role=_one(chance, dict(zip(Role, (70, 900, 29, 1), strict=True))),
            status=_one(chance, dict(zip(Status, (950, 45, 5), strict=True))),
            password_change_required=False,
            created_at=when(number),
            updated_at=when(number + 9),
            last_login=when(number + 9) if number % 2 else None,
        )


def _environments(filled: Filled, chance: random.Random) -> Iterator[Environment]:
    owners = filled.users[3:]
    statuses = dict(zip(EnvironmentStatus, (10, 200, 750, 40), strict=True))
    for number, id_ in enumerate(filled.environments):
        few = owners[-1 - number // 5 % len(owners)]
        status = _one(chance, statuses)
        started = status is not EnvironmentStatus.PENDING
        ended = status is EnvironmentStatus.TERMINATED
        yield Environment(
            id=id_,
            user_id=few if number % 5 else filled.owner_of_many,
            name=f"{'Sandbox' if number % 2 else 'Lab'} {chance.choice(ANIMALS)} {number}",
            status=status,
            created_at=when(number),
            image="registry.example.org/sandboxes/python:3.11-slim",
            resources={"cpu": "2", "memory": "4Gi", "disk": "20Gi"},
            labels=_labels(number, chance),
            orchestration={"cluster": "east-1", "namespace": "boxes", "pod": f"box-{number}"},
            started_at=when(number) + timedelta(seconds=3) if started else None,
            terminated_at=when(number + 5) if ended else None,
        )


def _labels(number: int, chance: random.Random) -> Mapping[str, str]:
    labels = {"team": chance.choice(TEAMS), "tier": "standard" if number % 10 else "gpu"}
    if number % 5000 == 99:
        labels["incident"] = "4711"
    return labels


def _grants(filled: Filled, environment: Environment, chance: random.Random) -> Iterator[Grant]:
    step = max(1, len(filled.environments) // MANY)
    block, number = divmod((environment.created_at - BEGIN) // STEP, step)
    yield _grant(environment, environment.user_id, Permission.OWNER, chance)
    yield _grant(environment, filled.granted_all, Permission.EDITOR, chance)
    if number == block * 7 % step:  # spread, so that it fits no other pattern in the rows
        yield _grant(environment, filled.granted_many, Permission.VIEWER, chance)


def _grant(
    environment: Environment, user_id: str, permission: Permission, chance: random.Random
) -> Grant:
    return Grant(
        id="".join(chance.choices(ALPHABET, k=20)),
        user_id=user_id,
        environment_id=environment.id,
        permission=permission,
        granted_at=environment.created_at,
        granted_by=environment.user_id,
    )


def _one(chance: random.Random, weights: Mapping[Any, int]) -> Any:
    return chance.choices(list(weights), list(weights.values()))[0]
