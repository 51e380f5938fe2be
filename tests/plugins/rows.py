"""Rows that tests put into a database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from agentbox.model.access.roles import Role
from agentbox.model.api_keys import ApiKey
from agentbox.model.formats.api_key import NewKey
from agentbox.model.users import PasswordRecord, Status, User
from tests.plugins.stand_in import START


async def add_user(
    storage: Any,
    user_id: str = "u1",
    *,
    username: str = "Alice",
    email: str | None = None,
    email_verified: bool = False,
    password_hash: str | None = None,
    status: Status = Status.ACTIVE,
) -> User:
    user = User(
        id=user_id,
        username=username,
        email=email,
        email_verified=email_verified,
        role=Role.USER,
        status=status,
        password_change_required=False,
        created_at=START,
        updated_at=START,
    )
    async with storage.transaction() as tx:
        await tx.users.add(user)
        if password_hash is not None:
            await tx.passwords.put(PasswordRecord(user_id, password_hash, START))
    return user


async def add_key(
    storage: Any, new: NewKey, *, user_id: str = "u1", expires_at: datetime | None = None
) -> ApiKey:
    key = ApiKey(
        id=new.id,
        user_id=user_id,
        name=None,
        description=None,
        key_prefix=new.shown,
        scopes=("self:read",),
        all_environments=None,
        created_at=START,
        expires_at=expires_at,
    )
    async with storage.transaction() as tx:
        await tx.api_keys.add(key, new.digest)
    return key
