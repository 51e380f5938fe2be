"""Bob, whose address an admin has set, and who has a password."""

from __future__ import annotations

from agentbox.model.access.roles import Role
from agentbox.model.principal import Operator, Principal
from agentbox.model.secret import Secret
from agentbox.model.users import User
from tests.core.identities.at_sites import with_email
from tests.core.world import World, add_session, add_user, principal

OPERATOR = Operator()
PASSWORD = "the-password-of-mine"
NEW = Secret("a-new-password-of-mine")
EMAIL = "bob@example.org"
THEIRS = with_email("theirs", EMAIL)


async def bob(world: World, role: Role = Role.USER) -> User:
    return await add_user(world.storage, role, email=EMAIL, email_verified=True, password=PASSWORD)


async def signed_in_by(
    world: World, user: User, method: str, restrictions: tuple[str, ...] = ()
) -> Principal:
    session = await add_session(world.storage, user, authenticator_id=method)
    one = principal(user, session_id=session.id, restrictions=restrictions)
    credential = type(one.credential)(kind="session", id=session.id, authenticator_id="jwt")
    return principal(user, session_id=session.id, credential=credential, restrictions=restrictions)
