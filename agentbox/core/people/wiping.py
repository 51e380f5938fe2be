"""Whatever lets somebody in as a user, taken away inside a change."""

from __future__ import annotations

import msgspec

from agentbox.core.changes import Writing
from agentbox.model.api_keys import ApiKeyFilter, ApiKeyState
from agentbox.model.users import User
from agentbox.plugin.storage import Change, Page


async def wipe(work: Writing, user: User) -> User:
    """Take sessions, password, waiting reset and API keys away; the user's record as it is then.

    Sign-ins elsewhere are left to whoever asks for it: one of them may be what it is done for.
    """
    await work.tx.sessions.end_all(user.id, work.now)
    await work.tx.passwords.delete(user.id)
    await work.tx.password_resets.delete(user.id)
    where = ApiKeyFilter(user_id=user.id, state=ApiKeyState.ACTIVE, now=work.now)
    while keys := await work.tx.api_keys.list(where, Page(1000)):
        for key in keys:
            await work.tx.api_keys.revoke(key.id, work.now)
            work.changed(Change("api_key", key.id))
            await work.record("api_key.revoke", f"api_key:{key.id}")
    work.changed(Change("user", user.id))
    # The password that was to be changed is gone; without one there is none to change.
    wiped = msgspec.structs.replace(user, password_change_required=False, updated_at=work.now)
    await work.tx.users.replace(wiped)
    return wiped
