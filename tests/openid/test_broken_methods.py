"""A redirect method of somebody else's that breaks or lies: nobody is signed in by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from agentbox.core.recognition.dispatch import Named
from agentbox.errors import LoginFailed, OutboundFailed
from agentbox.model.evidence import LOCAL_ISSUER, Identity
from agentbox.plugin.authenticator import (
    AccountPolicy,
    Challenge,
    LoginAnswer,
    LoginContext,
    LoginProvider,
    NotMine,
    RedirectAuthenticator,
    RedirectLogin,
    Verified,
)
from tests.openid.browser import parameters
from tests.openid.scene import Scene

INFO = LoginProvider("club", "The club")

GOOD = Identity(issuer="https://club.test", subject="ada", authenticator_id="club")

START = Challenge(kind="redirect", state=b"state", data={"url": "https://club.test/?a=b"})


class Club(RedirectAuthenticator):
    """Answers what it is told to, or raises it."""

    def __init__(self) -> None:
        self.starts: Any = START
        self.finishes: Any = verified(GOOD)

    @property
    def providers(self) -> Sequence[LoginProvider]:
        return [INFO]

    async def start(self, context: LoginContext, login: RedirectLogin) -> Challenge:
        return given(self.starts)  # type: ignore[no-any-return]

    async def finish(
        self, context: LoginContext, state: bytes, data: Mapping[str, Any]
    ) -> LoginAnswer:
        assert state == b"state"
        assert "state" not in data
        return given(self.finishes)  # type: ignore[no-any-return]


def given(answer: Any) -> Any:
    if isinstance(answer, BaseException):
        raise answer
    return answer


def verified(identity: Any) -> Verified:
    return Verified(identity, accounts=AccountPolicy(auto_provision=True))


def other(**changes: Any) -> Verified:
    return verified(msgspec.structs.replace(GOOD, **changes))


@pytest.fixture
def club(scene: Scene) -> Club:
    """One that is right until it is told otherwise."""
    method = Club()
    redirects = scene.live.runtime.redirects
    redirects._providers = {**redirects._providers, "club": (Named("club", method), INFO)}
    return method


async def sign_in(scene: Scene) -> tuple[int, str | None]:
    browser = scene.browser()
    begun = await browser.begin("club")
    if begun.status != 200:
        return begun.status, begun.error
    state = parameters(begun.body["url"])["state"]
    answer = await browser.ask("GET", f"/api/v1/auth/club/callback?code=x&state={state}")
    return answer.status, answer.error


async def test_one_that_is_right_signs_people_in(scene: Scene, club: Club) -> None:
    assert await sign_in(scene) == (200, None)


BROKEN: dict[str, Any] = {
    "true": True,
    "an admin": "admin",
    "a table": {"identity": {"subject": "ada"}},
    "nothing": None,
    "not mine": NotMine(),
    "another step": START,
    "no identity": Verified(None),  # type: ignore[arg-type]
    "a subject that is a number": other(subject=0),
    "another provider's": other(authenticator_id="fake"),
    "the password's": other(authenticator_id="password"),
    "a fault": RuntimeError("words of its own"),
    "an exit": SystemExit(1),
    "its own end": TimeoutError(),
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_what_is_no_answer_is_none(scene: Scene, club: Club, broken: str) -> None:
    # PL-02, PL-04
    before = await scene.rows()
    club.finishes = BROKEN[broken]

    assert await sign_in(scene) == (503, "authenticator_unavailable")
    assert await scene.refusals() == ["provider_unavailable"]
    assert await scene.rows() == before


REFUSED: dict[str, tuple[Any, str]] = {
    "one of our own users": (other(issuer=LOCAL_ISSUER), "issuer"),
    "nobody": (other(subject=""), "issuer"),
    "a refusal": (LoginFailed("denied"), "denied"),
    "a refusal in words of its own": (LoginFailed("words of its own"), "other"),
    "nobody known, and no policy": (Verified(GOOD), "unknown_identity"),
}


@pytest.mark.parametrize("refused", REFUSED)
async def test_who_may_not_get_in_does_not(scene: Scene, club: Club, refused: str) -> None:
    # PL-04, OA-05
    before = await scene.rows()
    club.finishes, reason = REFUSED[refused]

    assert await sign_in(scene) == (401, "invalid_grant")
    assert await scene.refusals() == [reason]
    assert await scene.rows() == before


async def test_an_admin_of_ours_can_not_be_named_as_a_subject(scene: Scene, club: Club) -> None:
    # PL-04
    me = await scene.admin.get("/auth/me")
    club.finishes = other(issuer=LOCAL_ISSUER, subject=me.body["id"])

    assert await sign_in(scene) == (401, "invalid_grant")


@pytest.mark.parametrize(
    "start",
    [
        Challenge(kind="redirect", state=b"state"),
        Challenge(kind="redirect", state=b"state", data={"url": 7}),
        Challenge(kind="redirect", state="state", data={"url": "https://club.test/"}),  # type: ignore[arg-type]
        verified(GOOD),
        NotMine(),
        None,
        RuntimeError("broken"),
    ],
    ids=lambda start: type(start).__name__,
)
async def test_a_beginning_that_is_none_sends_nobody_anywhere(
    scene: Scene, club: Club, start: Any
) -> None:  # PL-02, PL-04
    club.starts = start

    assert await sign_in(scene) == (503, "authenticator_unavailable")
    assert await scene.refusals() == ["provider_unavailable"]


async def test_an_outage_that_has_no_word_of_ours_is_told_as_one(scene: Scene, club: Club) -> None:
    club.finishes = OutboundFailed("words of its own")

    assert await sign_in(scene) == (503, "authenticator_unavailable")
    assert await scene.refusals() == ["provider_unavailable"]
