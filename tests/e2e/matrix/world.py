"""A database with everybody and everything that a cell may name, filled once and copied."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from agentbox.model.access.roles import Permission
from agentbox.model.api_keys import ApiKey, KeyPermission
from agentbox.model.ids import new_id
from agentbox.model.users import LinkedBy, LinkedIdentity
from agentbox.plugin.storage import Change
from tests.backend import Reader
from tests.e2e.matrix.callers import CALLERS, DEAD, KEYS, Caller
from tests.e2e.matrix.row import PLACEHOLDER, Cell
from tests.e2e.matrix.targets import ENVIRONMENTS, GRANTED, OTHERS
from tests.e2e.people import People, Person, Seed, Template, in_a_thread
from tests.live import USER_PASSWORD, Answer, Live, live_server
from tests.live import Caller as Client

PERSONS = ("viewer", "user", "admin", "super_admin", "disabled", "restricted")
"""Whoever has a credential that calls."""

NOT_LOOKED_AT = {
    *("audit", "audit_seals", "audit_points"),
    *("jobs", "api_key_usage", "api_key_rates"),
    *("metric_series", "metric_raw", "metric_minutes", "metric_hours", "metric_days"),
    "metric_levels",
}
"""Tables in which a refusal may leave something: the trail, what is due, how much is used, and what
is measured meanwhile."""


class Filled(NamedTuple):
    """The database, and by names what is in it.

    `credentials` are by the name of a caller; `ids` by a placeholder, then by the person who calls
    (`""` where it is the same for all), then by the name of the target.
    """

    template: Template
    credentials: Mapping[str, str]
    ids: Mapping[str, Mapping[str, Mapping[str, str]]]


class World:
    """A server on a copy of it, and its callers."""

    def __init__(self, live: Live, filled: Filled, reader: Reader) -> None:
        self.live = live
        self._filled = filled
        self._new = count()
        self._reader = reader
        self._looked_at = {
            table: [name for name in reader.columns(table) if name != "last_used"]
            for table in reader.tables()
            if table not in NOT_LOOKED_AT
        }

    def client(self, who: str) -> Client:
        """Calls with the credential of that caller."""
        credential = self._filled.credentials.get(who)
        if credential is None:
            return self.live.anonymous
        key = CALLERS[who].key
        return self.live.with_key(credential) if key else self.live.with_token(credential)

    async def send(self, who: str, cell: Cell, method: str | None = None, **options: Any) -> Answer:
        """The request of a cell."""
        body = self.body_of(who, cell)
        if body is not None:
            options["json"] = body
        path = self.path_of(who, cell)
        return await self.client(who).request(method or cell.row.method, path, **options)

    def path_of(self, who: str, cell: Cell) -> str:
        """Path and query with the ids that this caller's cell names."""
        return str(self._put_in(cell.row.path + cell.ask.query, CALLERS[who].person, cell))

    def body_of(self, who: str, cell: Cell) -> Any:
        """The same for the body."""
        return self._put_in(cell.ask.body, CALLERS[who].person, cell)

    def id_of(self, placeholder: str, target: str, person: str) -> str:
        """The id of a target as that person sees it; one of nothing if it is not there."""
        ids = self._filled.ids[placeholder]
        return ids[person].get(target) or ids[""].get(target) or "0" * 20

    def state(self) -> str:
        """All that is kept, but for the trail and for when and how often something was used."""
        return self._reader.whole(self._looked_at)

    def _put_in(self, value: Any, person: str, cell: Cell) -> Any:
        if isinstance(value, dict):
            return {name: self._put_in(member, person, cell) for name, member in value.items()}
        if isinstance(value, list):
            return [self._put_in(member, person, cell) for member in value]
        if isinstance(value, str):
            return PLACEHOLDER.sub(lambda match: self._value(match[1], person, cell), value)
        return value

    def _value(self, name: str, person: str, cell: Cell) -> str:
        if name == "new":
            return f"new-{next(self._new)}"
        if name == "file":
            return "docs.js"
        if name in ("provider", "job"):
            return "example"
        if name == "own_environment":
            return self.id_of("environment_id", "own", person)
        return self.id_of(name, cell.at[name], person)


async def renew(live: Live, filled: Filled) -> None:
    """Nobody's sign-in is too long ago for what wants a fresh one, however long a run takes."""
    async with live.runtime.storage.transaction() as tx:
        for sessions in filled.ids["session_id"].values():
            if "current" in sessions:
                await tx.sessions.renew(sessions["current"], live.runtime.clock.now(), ("pwd",))


def fill(template: Template, folder: Path) -> Filled:
    """A copy of the people's database with environments, keys and sessions."""
    template.copy_to(folder)
    return in_a_thread(_fill(template, folder))


async def _fill(template: Template, folder: Path) -> Filled:
    # Hours, since a run may take longer than the minutes of a usual token.
    async with live_server(folder, environ={"AGENTBOX_JWT_EXPIRY": "8h"}) as live:
        filling = _Filling(live, People(live, template))
        await filling.everybody()
        await filling.environments()
        await filling.others_keys()
        await filling.identities()
        for who in KEYS | DEAD:
            await filling.credential(who, CALLERS[who])
        await filling.turns()
    return Filled(template._replace(folder=folder), filling.credentials, filling.ids)


class _Filling:
    """Fills a database over HTTP, and past it where nobody may get there any more."""

    def __init__(self, live: Live, people: People) -> None:
        self._live = live
        self._first = people.first.caller
        self._people: dict[str, Person] = {
            name: people[name] for name in (*OTHERS, *(f"other_{role}" for role in OTHERS))
        }
        self.credentials: dict[str, str] = {}
        self.ids: dict[str, dict[str, dict[str, str]]] = {
            name: {person: {} for person in ("", *PERSONS)}
            for name in ("user_id", "environment_id", "key_id", "session_id", "identity_id")
        }

    async def everybody(self) -> None:
        """Owners of environments; more callers; a session that lasts for each of those."""
        for role in ("user", "admin", "super_admin"):
            await self._make(f"owner_{role}", role)
        for name in ("disabled", "restricted"):
            await self._make(name, "super_admin")
        for role in OTHERS:
            self.ids["user_id"][""][role] = self._people[f"other_{role}"].id
        # A viewer who owned and edited before the role was taken away.
        await self._set_role("viewer", "user")
        for name in PERSONS:
            person = self._people[name]
            self.ids["user_id"][name]["self"] = person.id
            await self._sessions(name)
            _, key = await self._live.make_key(person.caller)
            self.ids["key_id"][name]["self"] = key["id"]

    async def environments(self) -> None:
        """One's own for each caller, and those that others own."""
        for name in PERSONS:
            owner = self._people[name]
            self.ids["environment_id"][name]["own"] = await self._register(owner)
        for name, environment in ENVIRONMENTS.items():
            if environment is None or environment.owner == "self":
                continue
            owner = self._people[f"owner_{environment.owner}"]
            made = self.ids["environment_id"][""][name] = await self._register(owner)
            for person in PERSONS if environment.shared else ():
                await self._share(owner, made, person, environment.shared)

    async def others_keys(self) -> None:
        """A key and a session of somebody else of each role."""
        for role in OTHERS:
            other = self._people[f"other_{role}"]
            _, key = await self._live.make_key(other.caller)
            self.ids["key_id"][""][role] = key["id"]
        session = (await other.caller.get("/auth/me")).body["auth"]["session_id"]
        self.ids["session_id"][""]["another's"] = session

    async def identities(self) -> None:
        """A sign-in elsewhere of each caller, and of somebody else."""
        now = self._now()
        async with self._live.runtime.storage.transaction() as tx:
            for name in (*PERSONS, "other_user"):
                user_id = self._people[name].id
                linked = LinkedIdentity(
                    id=new_id(),
                    user_id=user_id,
                    issuer="https://id.example",
                    subject=user_id,
                    provider="example",
                    linked_by=LinkedBy.SESSION,
                    linked_at=now,
                )
                await tx.identities.add(linked)
                if name in PERSONS:
                    self.ids["identity_id"][name]["own"] = linked.id
                else:
                    self.ids["identity_id"][""]["another's"] = linked.id

    async def credential(self, who: str, caller: Caller) -> None:
        """The key of a caller, with entries that its owner need not be able to give."""
        if caller.key is None:
            return
        limits = {"all_environments": caller.key.all_environments}
        fields = limits if caller.key.all_environments else {"permissions": []}
        person = self._people[caller.person]
        text, key = await self._live.make_key(
            person.caller, scopes=list(caller.key.scopes), **fields
        )
        self.credentials[who] = text
        entries = tuple(
            self._entry(key["id"], name, permission, caller.person)
            for name, permission in caller.key.entries.items()
        )
        if entries or who == "expired key":
            await self._change_key(key["id"], entries, expired=who == "expired key")
        if who == "revoked key":
            await person.caller.delete(f"/api-keys/{key['id']}")

    async def turns(self) -> None:
        """What ends or narrows rights, now that everything has been made."""
        await self._set_role("viewer", "viewer")
        for name in PERSONS:
            self.credentials[name] = self._people[name].token
        self.credentials["session of a disabled user"] = self.credentials.pop("disabled")
        self.credentials["restricted session"] = self.credentials.pop("restricted")
        off = await self._first.patch(self._people["disabled"].path, {"status": "inactive"})
        assert off.status == 200, off.text
        async with self._live.runtime.storage.transaction() as tx:
            restricted = await tx.users.get(self._people["restricted"].id)
            assert restricted is not None
            await tx.users.replace(replace(restricted, password_change_required=True))
            tx.changed(Change("user", restricted.id))

    async def _make(self, name: str, role: str) -> None:
        record = await self._live.make_user(f"{name}.matrix", role)
        self._people[name] = await self._signed_in(record)

    async def _sessions(self, name: str) -> None:
        """Two for each: one that calls, and another one."""
        record = self._people[name].record
        for which in ("other", "current"):
            person = self._people[name] = await self._signed_in(record)
            me = (await person.caller.get("/auth/me")).body
            self.ids["session_id"][name][which] = me["auth"]["session_id"]

    async def _signed_in(self, record: Mapping[str, Any]) -> Person:
        caller = await self._live.sign_in(record["username"], USER_PASSWORD)
        token = caller.headers["Authorization"].removeprefix("Bearer ")
        return Person(self._live, Seed(record, token))

    async def _set_role(self, name: str, role: str) -> None:
        answer = await self._first.patch(self._people[name].path, {"role": role})
        assert answer.status == 200, answer.text

    async def _register(self, owner: Person) -> str:
        answer = await owner.caller.post("/environments", {"name": "box"})
        assert answer.status == 201, answer.text
        made = str(answer.body["id"])
        for role, permission in GRANTED.items():
            await self._share(owner, made, f"other_{role}", permission)
        return made

    async def _share(self, owner: Person, made: str, to: str, permission: str | None) -> None:
        body = {"user_id": self._people[to].id, "permission": permission}
        answer = await owner.caller.post(f"/environments/{made}/permissions", body)
        assert answer.status == 201, answer.text

    def _entry(self, key_id: str, name: str, permission: str, person: str) -> KeyPermission:
        ids = self.ids["environment_id"]
        return KeyPermission(
            id=f"{key_id}-entry",
            environment_id=ids[person].get(name) or ids[""][name],
            permission=Permission(permission),
            created_at=self._now(),
        )

    async def _change_key(
        self, key_id: str, entries: tuple[KeyPermission, ...], *, expired: bool
    ) -> None:
        async with self._live.runtime.storage.transaction() as tx:
            key = await tx.api_keys.get(key_id)
            assert isinstance(key, ApiKey)
            ends = self._now() - timedelta(hours=1) if expired else None
            await tx.api_keys.replace(replace(key, permissions=entries, expires_at=ends))
            tx.changed(Change("api_key", key_id))

    def _now(self) -> datetime:
        return self._live.runtime.clock.now()
