"""The few stores that authenticators need, in memory."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from agentbox.plugin import Change


class MemoryTransaction:
    def __init__(self) -> None:
        self.users = Users()
        self.passwords = Passwords()
        self.api_keys = Keys()
        self.signing_keys = SigningKeys()
        self.changes: list[Change] = []

    async def lock(self, name: str) -> None: ...

    def changed(self, change: Change) -> None:
        self.changes.append(change)


class Users:
    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}

    async def add(self, user: Any) -> None:
        self.rows[user.id] = user

    async def get(self, user_id: str) -> Any:
        return self.rows.get(user_id)

    async def by_username(self, canonical: str) -> Any:
        return next((u for u in self.rows.values() if u.username.lower() == canonical), None)

    async def by_email(self, canonical: str) -> Any:
        return next((u for u in self.rows.values() if u.email == canonical), None)


class Passwords:
    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}

    async def get(self, user_id: str) -> Any:
        return self.rows.get(user_id)

    async def put(self, record: Any) -> None:
        self.rows[record.user_id] = record

    async def upgrade(self, user_id: str, old_hash: str, new_hash: str) -> bool:
        record = self.rows.get(user_id)
        if record is None or record.password_hash != old_hash:
            return False
        self.rows[user_id] = msgspec.structs.replace(record, password_hash=new_hash)
        return True


class Keys:
    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}

    async def add(self, key: Any, digest: bytes) -> None:
        self.rows[key.id] = (key, digest)

    async def get(self, key_id: str) -> Any:
        return self.rows.get(key_id, (None, None))[0]

    async def digest(self, key_id: str) -> Any:
        return self.rows.get(key_id, (None, None))[1]


class SigningKeys:
    def __init__(self) -> None:
        self.rows: list[Any] = []

    async def add(self, key: Any) -> None:
        self.rows.append(key)

    async def list(self) -> Sequence[Any]:
        return list(self.rows)


class MemoryStorage:
    def __init__(self) -> None:
        self._tx = MemoryTransaction()
        self._listeners: list[Callable[[Change], None]] = []

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False) -> AsyncIterator[MemoryTransaction]:
        before = copy.deepcopy([self._tx.users, self._tx.passwords])
        self._tx.changes = []
        try:
            yield self._tx
        except BaseException:
            self._tx.users, self._tx.passwords = before
            raise
        for change in self._tx.changes:
            for listener in self._listeners:
                listener(change)

    def on_change(self, listener: Callable[[Change], None]) -> None:
        self._listeners.append(listener)
