"""Sign-ins at other sites, taken away inside a change."""

from __future__ import annotations

from agentbox.core.changes import Writing
from agentbox.model.users import LinkedIdentity


async def unlink(work: Writing, linked: LinkedIdentity) -> None:
    """Take a link away, with its audit row; no address links that identity to the user again.

    What it has signed in stays: the change ends the user's sessions besides.
    """
    await work.tx.identities.unlink(linked.id, work.now)
    details = {"identity_id": linked.id, "provider": linked.provider}
    await work.record("identity.unlink", f"user:{linked.user_id}", details)
