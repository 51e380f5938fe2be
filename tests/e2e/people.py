"""Someone of every role, signed in: made once, and found again in every test's own database."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tests.backend import database_in
from tests.live import USER_PASSWORD, Caller, Live, live_server

ResultT = TypeVar("ResultT")

ROLES = ("viewer", "user", "admin", "super_admin")

LASTING = {"AGENTBOX_JWT_EXPIRY": "8h"}
"""The template is made once for all tests, and tokens of it are good for as long as they run."""

READ_ONLY = ["self:read", "environments:read", "metrics:read", "api_keys:read", "users:read"]


class Seed(NamedTuple):
    """One user of the template: its record and a token of a session."""

    record: Mapping[str, Any]
    token: str


class Template(NamedTuple):
    """A database that was filled once; every test gets a copy."""

    folder: Path
    seeds: Mapping[str, Seed]

    def copy_to(self, folder: Path) -> None:
        """The database and its key, as if the server had run there."""
        database_in(self.folder).copy_to(folder)


class Person:
    """A user who is signed in."""

    def __init__(self, live: Live, seed: Seed) -> None:
        self.live = live
        self.record = seed.record
        self.id: str = seed.record["id"]
        self.username: str = seed.record["username"]
        self.role: str = seed.record["role"]
        self.token = seed.token
        self.caller: Caller = live.with_token(seed.token)

    @property
    def path(self) -> str:
        """Where its record is."""
        return f"/users/{self.id}"

    async def anew(self) -> Caller:
        """Calls in a session that begins now: the one there is may be minutes old."""
        return await self.live.sign_in(self.username)

    async def key(self, **fields: Any) -> str:
        """A new API key of this person's; its text."""
        text, _ = await self.live.make_key(self.caller, **fields)
        return text


class People:
    """`people.admin` is someone with role admin; `people.other_admin` is somebody else with it.

    `first` is the super_admin of the first start.
    """

    viewer: Person
    user: Person
    admin: Person
    super_admin: Person
    other_viewer: Person
    other_user: Person
    other_admin: Person
    other_super_admin: Person
    first: Person

    def __init__(self, live: Live, template: Template) -> None:
        for name, seed in template.seeds.items():
            setattr(self, name, Person(live, seed))

    def __getitem__(self, name: str) -> Person:
        person = getattr(self, name)
        assert isinstance(person, Person)
        return person


def build_template(folder: Path) -> Template:
    """Fill a database with two people of every role."""
    return in_a_thread(_fill(folder))


async def _fill(folder: Path) -> Template:
    async with live_server(folder, environ=LASTING) as live:
        return Template(folder, await seeds_on(live))


async def seeds_on(live: Live) -> Mapping[str, Seed]:
    """Two people of every role, and the super_admin of the first start, made on a new server."""
    first = await live.admin()
    seeds = {"first": Seed((await first.get("/auth/me")).body, _token(first))}
    for role in ROLES:
        for name in (role, f"other_{role}"):
            seeds[name] = await _seed(live, first, name, role)
    return seeds


async def _seed(live: Live, first: Caller, name: str, role: str) -> Seed:
    username = f"{name}.person"  # dots, hyphens and underscores are all fine in a name
    body = {"username": username, "password": USER_PASSWORD, "role": role}
    made = await first.post("/users", body)
    assert made.status == 201, made.text
    return Seed(made.body, _token(await live.sign_in(username)))


def _token(caller: Caller) -> str:
    return caller.headers["Authorization"].removeprefix("Bearer ")


def in_a_thread(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """On a loop of its own: the one of the tests is not touched."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(asyncio.run, work).result()
