"""Reads what credentials stand for, and remembers it for a moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentbox.core.recognition.caches import StateCache, StateKey
from agentbox.core.recognition.gathered import Gathered
from agentbox.core.recognition.state import (
    SubjectState,
    load_state,
    state_of_key,
    state_of_session,
)
from agentbox.model.api_keys import IssuedKey
from agentbox.model.sessions import Session
from agentbox.model.users import User
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Change, Storage


class Subjects:
    """API keys and sessions with their users; requests that ask at the same time share a read.

    An API key is read once for both: what judges it, and the state that its rights depend on.
    """

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._keys: Gathered[IssuedKey] = Gathered(self._read_keys)
        self._sessions: Gathered[tuple[Session, User]] = Gathered(self._read_sessions)
        self.states = StateCache(clock, self._read_state)
        storage.on_change(self._on_change)

    async def issued_key(self, key_id: str) -> IssuedKey | None:
        """The key, read now; its state stays for the request that has asked.

        Raises `StorageError`.
        """
        return await self._keys.find(key_id)

    async def _read_state(self, key: StateKey) -> SubjectState:
        user_id, kind, credential_id = key
        if kind == "api_key":
            return state_of_key(await self._keys.find(credential_id), user_id)
        if kind == "session":
            return state_of_session(await self._sessions.find(credential_id), user_id)
        async with self._storage.transaction(read_only=True, single=True) as tx:
            return await load_state(tx, *key)

    async def _read_keys(self, ids: Sequence[str]) -> Mapping[str, IssuedKey]:
        begun = self.states.begin()
        async with self._storage.transaction(read_only=True, single=True) as tx:
            found = {issued.key.id: issued for issued in await tx.api_keys.issued(ids)}
        for id_, issued in found.items():
            owner = issued.owner.id
            self.states.keep((owner, "api_key", id_), state_of_key(issued, owner), begun)
        return found

    async def _read_sessions(self, ids: Sequence[str]) -> Mapping[str, tuple[Session, User]]:
        async with self._storage.transaction(read_only=True, single=True) as tx:
            return {found[0].id: found for found in await tx.sessions.with_users(ids)}

    def _on_change(self, change: Change) -> None:
        self.states.drop()
