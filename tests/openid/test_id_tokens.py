"""ID tokens that are not for us, or not now: all refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.openid.fake_provider import CLIENT_ID, FakeProvider
from tests.openid.refusing import Twist, refused
from tests.openid.scene import Scene

YEAR_9999 = 253_402_300_799


def claims(**changes: Any) -> Twist:
    """Says something else; a function is told the provider's time."""

    def twist(provider: FakeProvider) -> None:
        provider.claims = {
            name: value(provider.now()) if callable(value) else value
            for name, value in changes.items()
        }

    return twist


def at(seconds: float) -> Callable[[int], int]:
    """So many seconds from now."""
    return lambda now: int(now + seconds)


async def test_each_claim_that_is_wrong_is_refused_for_its_own_reason(scene: Scene) -> None:
    # OA-02, OA-03
    others = ["another client", CLIENT_ID]
    twists = {
        "issuer, another": (claims(iss="https://accounts.evil.test"), "issuer"),
        "issuer with a slash": (claims(iss=f"{scene.provider.issuer}/"), "issuer"),
        "issuer, none": (claims(iss=...), "issuer"),
        "issuer in a list": (claims(iss=[scene.provider.issuer]), "issuer"),
        "audience, another": (claims(aud="another client"), "audience"),
        "audience, part of it": (claims(aud=CLIENT_ID[:-1]), "audience"),
        "audience, none": (claims(aud=...), "audience"),
        "audience, empty list": (claims(aud=[]), "audience"),
        "audience, list of another": (claims(aud=["another client"], azp=CLIENT_ID), "audience"),
        "audience, null": (claims(aud=None), "audience"),
        "audience, table": (claims(aud={CLIENT_ID: True}), "audience"),
        "two audiences": (claims(aud=others), "authorized_party"),
        "two audiences, for another": (
            claims(aud=others, azp="another client"),
            "authorized_party",
        ),
        "for another": (claims(azp="another client"), "authorized_party"),
        "for null": (claims(azp=None), "authorized_party"),
        "expired": (claims(exp=at(-61)), "expired"),
        "expired long ago": (claims(exp=1), "expired"),
        "expiry, none": (claims(exp=...), "exp"),
        "expiry, a text": (claims(exp="2999"), "exp"),
        "expiry, a truth": (claims(exp=True), "exp"),
        "expiry, a fraction": (claims(exp=4e9), "exp"),
        "expiry, negative": (claims(exp=-1), "exp"),
        "expiry beyond all years": (claims(exp=YEAR_9999 + 1), "exp"),
        "issued at, none": (claims(iat=...), "iat"),
        "issued at, a text": (claims(iat="now"), "iat"),
        "issued at, null": (claims(iat=None), "iat"),
        "issued long ago": (claims(iat=at(-961)), "issued_at"),
        "issued in the future": (claims(iat=at(120)), "issued_at"),
        "valid later": (claims(nbf=at(120)), "not_yet_valid"),
        "valid from, a text": (claims(nbf="now"), "nbf"),
        "nonce, none": (claims(nonce=...), "nonce"),
        "nonce, another": (claims(nonce="n" * 43), "nonce"),
        "nonce, empty": (claims(nonce=""), "nonce"),
        "nonce, null": (claims(nonce=None), "nonce"),
        "nonce, a number": (claims(nonce=0), "nonce"),
        "nonce, not supported": (claims(nonce=..., nonce_supported=False), "nonce"),
        "nonce, another, not supported": (
            claims(nonce="n" * 43, nonce_supported=False),
            "nonce",
        ),
        "access token, another": (claims(at_hash="A" * 22), "access_token"),
        "access token, null": (claims(at_hash=None), "access_token"),
        "access token, none": (without_access_token, "access_token"),
    }

    found = await refused(scene, {name: twist for name, (twist, _) in twists.items()})

    assert found == {name: f"id_token_{reason}" for name, (_, reason) in twists.items()}


def without_access_token(provider: FakeProvider) -> None:
    provider.token_answer = {"access_token": ...}


SUBJECTS: dict[str, Any] = {
    "none": ...,
    "empty": "",
    "null": None,
    "zero": 0,
    "a number": 248289761001,
    "a truth": True,
    "a list": ["subject-of-ada"],
    "256 characters": "s" * 256,
    "beyond ASCII": "ada\u00e9",
}


async def test_nobody_is_no_subject_and_never_matches_another_nobody(scene: Scene) -> None:
    # OA-03, OA-05
    twists = {name: claims(sub=subject) for name, subject in SUBJECTS.items()}

    found = await refused(scene, twists | {f"{name} again": twists[name] for name in twists})

    assert set(found.values()) == {"id_token_subject"}


async def test_what_is_just_right_is_taken(scene: Scene) -> None:
    # OA-03: else the refusals around it would prove nothing
    twists = {
        "one audience in a list": claims(aud=[CLIENT_ID]),
        "two audiences, made for us": claims(aud=["another client", CLIENT_ID], azp=CLIENT_ID),
        "made for us": claims(azp=CLIENT_ID),
        "expired within the leeway": claims(exp=at(-30)),
        "never expires": claims(exp=YEAR_9999),
        "issued a moment ahead": claims(iat=at(30)),
        "issued before a long sign-in": claims(iat=at(-600)),
        "valid from now": claims(nbf=at(0)),
        "no hash of the access token": claims(at_hash=...),
        "255 characters": claims(sub="s" * 255, email="long@corp.test"),
        "signed in at another time": claims(auth_time=2**62),
    }
    found = {}
    for name, twist in twists.items():
        twist(scene.provider)
        found[name] = (await scene.sign_in()).status
        scene.provider.straighten()

    assert found == dict.fromkeys(twists, 200)


async def test_a_sign_in_there_is_never_later_than_now(scene: Scene) -> None:
    scene.provider.claims = {"auth_time": scene.provider.now() + 86400}
    token = (await scene.sign_in()).body["token"]
    scene.clock.advance(700)
    answer = await scene.live.with_token(token).delete("/auth/identities/unknown")

    assert answer.error == "insufficient_user_authentication"
