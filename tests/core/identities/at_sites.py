"""Sites that say what they are told to, and browsers that go there and come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from agentbox.core.identities.accounts import Accounts
from agentbox.core.identities.flows import Flows
from agentbox.core.identities.linking import Linking
from agentbox.core.identities.redirects import Finished, Redirects
from agentbox.core.recognition.dispatch import Named
from agentbox.core.signing_in import SignedIn
from agentbox.core.start.root_secret import RootSecret
from agentbox.model.audit import AuditEvent
from agentbox.model.evidence import Identity
from agentbox.model.principal import Principal
from agentbox.model.secret import Secret
from agentbox.model.users import LinkedBy, LinkedIdentity, User
from agentbox.plugin.authenticator import (
    AccountPolicy,
    Challenge,
    LoginAnswer,
    LoginContext,
    LoginProvider,
    RedirectAuthenticator,
    RedirectLogin,
    Verified,
)
from tests.core.changes.signing_in import signing_in
from tests.core.world import HERE, World

ISSUER = "https://id.example"
OWN = "https://auth.example"
PAGE = "https://app.example/signed-in"

NOBODY = AccountPolicy()
ANYBODY = AccountPolicy(auto_provision=True)
BY_EMAIL = AccountPolicy(link_verified_email=True)
BOTH = AccountPolicy(auto_provision=True, link_verified_email=True)


class Site(RedirectAuthenticator):
    """Gives these answers to those who come back, one each; raises those that are errors."""

    def __init__(
        self, *answers: Any, ids: Sequence[str] = ("example",), tells_issuers: bool = True
    ) -> None:
        self.answers = list(answers)
        self.tells_issuers = tells_issuers
        self.ids = list(ids)
        self.url = "https://id.example/authorize?client_id=us"
        self.challenge: Any = None
        self.asked: list[RedirectLogin] = []
        self.seen: list[tuple[bytes, Mapping[str, Any]]] = []

    @property
    def providers(self) -> Sequence[LoginProvider]:
        return [LoginProvider(id_, id_.title(), self.issuer(id_)) for id_ in self.ids]

    def issuer(self, id_: str) -> str | None:
        own = ISSUER if id_ == "example" else f"https://{id_}.example"
        return own if self.tells_issuers else None

    async def start(self, context: LoginContext, login: RedirectLogin) -> Challenge:
        self.asked.append(login)
        if isinstance(self.challenge, BaseException):
            raise self.challenge
        state = f"state for {login.provider}".encode()
        return self.challenge or Challenge(kind="redirect", state=state, data={"url": self.url})

    async def finish(
        self, context: LoginContext, state: bytes, data: Mapping[str, Any]
    ) -> LoginAnswer:
        self.seen.append((state, data))
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return await answer() if callable(answer) else answer  # type: ignore[no-any-return]


def someone(subject: str = "subject-1", **fields: Any) -> Identity:
    values: dict[str, Any] = {
        "issuer": ISSUER,
        "subject": subject,
        "authenticator_id": "example",
        "amr": ("federated",),
    }
    return Identity(**(values | fields))


def with_email(subject: str, email: str, **fields: Any) -> Identity:
    return someone(subject, **({"email": email, "email_verified": True} | fields))


def judged(identity: Identity, accounts: AccountPolicy = ANYBODY) -> Verified:
    return Verified(identity, accounts=accounts)


def query_of(url: str | None) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url or "").query).items()}


class Sites:
    """Sign-in at sites, over one world."""

    def __init__(
        self,
        world: World,
        *sites: RedirectAuthenticator,
        password_signs_in: bool = True,
        **parts: Any,
    ) -> None:
        self.world = world
        self.flows = Flows(world.storage, RootSecret([b"1" * 32]), world.clock)
        end = signing_in(world, **parts)
        self.redirects = Redirects(
            [Named(f"m{number}", site) for number, site in enumerate(sites)],
            flows=self.flows,
            accounts=Accounts(world.storage, world.changes, end),
            signing_in=end,
            dispatcher=world.dispatcher,
            clock=world.clock,
            own_origin=OWN,
            return_to=[PAGE, f"{OWN}/listed"],
        )
        self.linking = Linking(
            storage=world.storage,
            changes=world.changes,
            passwords=world.passwords,
            redirects=self.redirects,
            signing_in=end,
            password_signs_in=password_signs_in,
        )

    async def begin(self, provider: str = "example", **options: Any) -> tuple[str, str]:
        """The state that the site gets, and the cookie of the browser."""
        begun = await self.redirects.begin(provider, HERE, **options)
        return query_of(begun.url)["state"], begun.browser

    async def back(
        self, state: str, browser: str | None, provider: str = "example", **data: str
    ) -> Finished:
        given = {"state": state, "code": "code"} | data
        return await self.redirects.finish(provider, given, HERE, browser=browser)

    async def through(self, provider: str = "example", **options: Any) -> Finished:
        """There and back."""
        state, browser = await self.begin(provider, **options)
        return await self.back(state, browser, provider)

    async def sign_in(self, provider: str = "example") -> SignedIn:
        finished = await self.through(provider)
        assert finished.signed_in is not None
        return finished.signed_in

    async def link(self, caller: Principal, password: str | None = None) -> LinkedIdentity:
        """The whole way for somebody who is signed in."""
        begun = await self.linking.begin(
            caller,
            HERE,
            "example",
            current_password=None if password is None else Secret(password),
        )
        finished = await self.back(query_of(begun.url)["state"], begun.browser)
        assert finished.to_link is not None
        return await self.linking.finish(*finished.to_link, HERE)

    async def linked(self, user: User) -> list[LinkedIdentity]:
        return list(await self.linking.of_user(user.id))

    async def refused(self) -> list[tuple[str, str]]:
        """Actor and reason of every refused login, in their order."""
        await self.world.refusals.flush(all_of_it=True)
        rows = await self.world.audit()
        return [
            (row.actor, str(row.details["reason"])) for row in rows if row.event == "login.refuse"
        ]


def rows(audit: Sequence[AuditEvent], event: str) -> list[AuditEvent]:
    return [row for row in audit if row.event == event]


async def add_link(
    world: World, user: User, identity: Identity, by: LinkedBy = LinkedBy.SESSION
) -> LinkedIdentity:
    """Link past all rules."""
    linked = LinkedIdentity(
        id=f"link-{identity.subject}",
        user_id=user.id,
        issuer=identity.issuer,
        subject=identity.subject,
        provider=identity.authenticator_id,
        linked_by=by,
        linked_at=world.clock.now(),
    )
    async with world.storage.transaction() as tx:
        await tx.identities.add(linked)
    return linked
