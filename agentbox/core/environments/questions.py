"""May I: the answer to a question about the credential that asks."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from agentbox.core.recognition.state import load_state, principal_of
from agentbox.errors import NotFound
from agentbox.model.access.permissions import Reason, judge_permission, permission_of
from agentbox.model.access.roles import Permission
from agentbox.model.access.scopes import ScopeTable
from agentbox.model.evidence import NO_LIMIT, Authentication, CredentialRef, SubjectRef
from agentbox.model.principal import PASSWORD_CHANGE_REQUIRED, Principal
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Storage

NO_KEY = "There is no such API key."


class Question(Struct, frozen=True):
    """For a scope, for a permission on an environment, or for both at once."""

    scope: str | None = None
    environment_id: str | None = None
    permission: Permission = Permission.VIEWER


class Questions:
    """Answers with the rules that routes are judged by, from current state."""

    def __init__(self, *, storage: Storage, clock: Clock, scopes: ScopeTable) -> None:
        self._storage = storage
        self._clock = clock
        self._scopes = scopes

    async def answer(self, asker: Principal, asked: Sequence[Question]) -> Sequence[Reason]:
        """One reason for each question, in one read for all of them."""
        if PASSWORD_CHANGE_REQUIRED in asker.restrictions:
            return [Reason.RESTRICTED] * len(asked)
        ids = sorted({each.environment_id for each in asked if each.environment_id is not None})
        granted = {}
        if ids:
            async with self._storage.transaction(read_only=True) as tx:
                granted = dict(await tx.environments.granted(ids, asker.user_id))
        reasons = []
        for each in asked:
            has = None
            if each.environment_id in granted:
                has = permission_of(asker, each.environment_id, granted[each.environment_id])
            reasons.append(_judge(asker, each, has))
        return reasons

    async def as_key(self, key_id: str) -> Principal:
        """Whoever presents this API key, as the server sees it now.

        Raises `NotFound` for a key that is not there, `InvalidToken` for one that does not hold.
        """
        async with self._storage.transaction(read_only=True) as tx:
            key = await tx.api_keys.get(key_id)
            if key is None:
                raise NotFound(NO_KEY)
            state = await load_state(tx, key.user_id, "api_key", key_id)
        evidence = Authentication(
            subject=SubjectRef("user", key.user_id),
            credential=CredentialRef(kind="api_key", id=key_id, authenticator_id="operator"),
            scope_limit=NO_LIMIT,
            environment_limit=NO_LIMIT,
        )
        return principal_of(evidence, state, scopes=self._scopes, now=self._clock.now())


def _judge(asker: Principal, asked: Question, has: Permission | None) -> Reason:
    if asked.scope is not None and asked.scope not in asker.scopes:
        return Reason.INSUFFICIENT_SCOPE
    if asked.environment_id is None:
        return Reason.OK
    return judge_permission(has, asked.permission)
