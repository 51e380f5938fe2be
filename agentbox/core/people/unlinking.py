"""Sign-ins at other sites, taken away inside a change."""

from __future__ import annotations

from agentbox.core.changes import Writing
from agentbox.model.users import LinkedBy, LinkedIdentity
from agentbox.plugin.storage import Transaction


async def unlink(work: Writing, linked: LinkedIdentity) -> None:
    """Take a link away, with its audit row; no address links anything to the user any more.

    What it has signed in stays: the change ends the user's sessions besides.
    """
    await work.tx.identities.unlink(linked.id, work.now)
    details = {
        "identity_id": linked.id,
        "provider": linked.provider,
        "subject_digest": linked.subject_digest,
    }
    await work.record("identity.unlink", f"user:{linked.user_id}", details)


async def unlink_each(work: Writing, user_id: str, *by: LinkedBy) -> bool:
    """`unlink` each of a user's that was linked by one of these; whether there was any."""
    all_of_them = await work.tx.identities.of_user(user_id)
    chosen = [linked for linked in all_of_them if linked.linked_by in by]
    for linked in chosen:
        await unlink(work, linked)
    return bool(chosen)


async def was_opened_by_email(tx: Transaction, user_id: str) -> bool:
    """Whether an address has ever opened the account, also if that link is gone by now."""
    if LinkedBy.EMAIL in await tx.identities.unlinked_of(user_id):
        return True
    linked = await tx.identities.of_user(user_id)
    return any(each.linked_by is LinkedBy.EMAIL for each in linked)
