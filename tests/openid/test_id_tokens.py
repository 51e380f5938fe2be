"""ID tokens that are not for us, not now, or not signed by whom they name: all refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.live import ShiftedClock
from tests.openid.fake_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    FakeProvider,
    Json,
    Key,
    changed,
    encoded,
    keyed_by,
    public_jwk,
    rsa_key,
    signed_by,
)
from tests.openid.refusing import Twist, refused
from tests.openid.scene import Scene, scene_at

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


def made(make: Callable[[Json, Json], str]) -> Twist:
    """An ID token that is made in another way."""

    def twist(provider: FakeProvider) -> None:
        provider.id_token = make

    return twist


def unsigned(algorithm: Any) -> Twist:
    def make(header: Json, claims: Json) -> str:
        return f"{encoded(changed(header, {'alg': algorithm}))}.{encoded(claims)}."

    return made(make)


def by_secret(key: bytes, **header: Any) -> Twist:
    return made(lambda given, claims: keyed_by(key, given | {"alg": "HS256"} | header, claims))


def public_forms() -> dict[str, bytes]:
    """What somebody may take for a shared secret of ours: the public key, as it is written."""
    public = rsa_key(1).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {
        "PEM": pem,
        "PEM without its end": pem.rstrip(),
        "PKCS1": public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "JWK": json.dumps(public_jwk(Key("first", rsa_key(1)))).encode(),
    }


def damaged(header: Json, claims: Json) -> str:
    """The last byte of the signature is another one."""
    text = signed_by(rsa_key(1), header, claims)
    head, _, signature = text.rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[-1] ^= 1
    return f"{head}.{encoded(bytes(raw))}"


def swapped(header: Json, claims: Json) -> str:
    """The signature of other claims."""
    text = signed_by(rsa_key(1), header, claims)
    head, _, signature = signed_by(rsa_key(1), header, claims | {"sub": "eve"}).rpartition(".")
    assert head != text.rpartition(".")[0]
    return f"{head}.{text.rpartition('.')[2]}"


def by_another_key(header: Json, claims: Json) -> str:
    """All is right but the key."""
    return signed_by(rsa_key(2), header, claims)


def two_keys(provider: FakeProvider) -> None:
    provider.published = [public_jwk(provider.key), public_jwk(Key("second", rsa_key(2)))]
    provider.header = {"kid": ...}


async def test_each_signature_that_is_none_is_refused(scene: Scene) -> None:
    # OA-03
    algorithms = ("none", "None", "NONE", "nOnE", "none ", "", "RS256 ", "rs256")
    twists: dict[str, tuple[Twist, str]] = {
        f"algorithm {name!r}": (unsigned(name), "algorithm") for name in algorithms
    }
    twists |= {
        f"HS256 with the public key as {form}": (by_secret(key), "algorithm")
        for form, key in public_forms().items()
    }
    twists |= {
        "HS256 with the client secret": (by_secret(CLIENT_SECRET.encode()), "algorithm"),
        "HS256 that calls itself RS256": (
            by_secret(CLIENT_SECRET.encode(), alg="RS256"),
            "signature",
        ),
        "algorithm, none named": (unsigned(...), "malformed"),
        "algorithm null": (unsigned(None), "malformed"),
        "algorithms in a list": (unsigned(["RS256"]), "malformed"),
        "RS512": (made(lambda h, c: signed_by(rsa_key(1), h | {"alg": "RS512"}, c)), "algorithm"),
        "damaged": (made(damaged), "signature"),
        "of other claims": (made(swapped), "signature"),
        "another key": (made(by_another_key), "signature"),
        "none though RS256 is named": (
            made(lambda h, c: f"{encoded(h)}.{encoded(c)}."),
            "signature",
        ),
    }
    found = await refused(scene, {name: twist for name, (twist, _) in twists.items()})

    assert found == {name: f"id_token_{reason}" for name, (_, reason) in twists.items()}


def equal_names(header: Json, claims: Json) -> str:
    """`sub` once as it is, and once more in another spelling."""
    text = json.dumps(claims)[:-1] + ', "s\\u0075b": "eve"}'
    return signed_by(rsa_key(1), header, text.encode())


def equal_names_in_the_header(header: Json, claims: Json) -> str:
    text = json.dumps(header)[:-1] + ', "\\u0061lg": "none"}'
    return signed_by(rsa_key(1), text.encode(), claims)


async def test_what_is_not_a_plain_signed_token_is_refused(scene: Scene) -> None:
    # IV-04, OA-03

    def text(value: Any) -> Twist:
        return made(lambda header, claims: value)

    def header(**more: Any) -> Twist:
        return made(lambda given, claims: signed_by(rsa_key(1), given | more, claims))

    twists: dict[str, tuple[Twist, str]] = {
        "equal names": (made(equal_names), "malformed"),
        "equal names in the header": (made(equal_names_in_the_header), "malformed"),
        "claims that are a list": (made(lambda h, c: signed_by(rsa_key(1), h, [c])), "malformed"),
        "claims that are no JSON": (
            made(lambda h, c: signed_by(rsa_key(1), h, b"{")),
            "malformed",
        ),
        "longer than 8 KiB": (claims(more="x" * 8192), "malformed"),
        "padded": (made(lambda h, c: signed_by(rsa_key(1), h, c) + "="), "malformed"),
        "encrypted": (text("e30.e30.e30.e30.e30"), "malformed"),
        "two parts": (text("e30.e30"), "malformed"),
        "empty": (text(""), "malformed"),
        "beyond ASCII": (text("\u00e9.e30.e30"), "malformed"),
        "none": (text(...), "missing"),
        "null": (text(None), "missing"),
        "a table": (text({"alg": "RS256"}), "missing"),
        "critical": (header(crit=["exp"], exp=1), "malformed"),
        "not in base64": (header(b64=False), "malformed"),
        "packed": (header(zip="DEF"), "malformed"),
        "an access token": (header(typ="at+jwt"), "type"),
        "a logout token": (header(typ="logout+jwt"), "type"),
    }
    found = await refused(scene, {name: twist for name, (twist, _) in twists.items()})

    assert found == {name: f"id_token_{reason}" for name, (_, reason) in twists.items()}


async def test_without_a_key_id_two_keys_are_none(scene: Scene) -> None:  # OA-03
    assert await refused(scene, {"two keys": two_keys}) == {"two keys": "id_token_signature"}


async def test_without_a_key_id_a_single_key_is_meant(
    folder: Path, clock: ShiftedClock, provider: FakeProvider
) -> None:
    provider.key = Key(None, rsa_key(1))
    provider.published = [public_jwk(provider.key)]
    async with scene_at(folder, clock, provider) as scene:
        assert (await scene.sign_in()).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"use": "enc"},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"alg": "RS512"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"d": "AQAB"},
        {"kid": ["first"]},
        {"n": "AQAB"},
        {"n": ...},
        {"e": "not base64!"},
    ],
    ids=str,
)
async def test_a_key_that_is_not_for_signatures_verifies_none(
    folder: Path, clock: ShiftedClock, provider: FakeProvider, changes: Json
) -> None:  # OA-03
    provider.published = [public_jwk(provider.key, **changes)]
    async with scene_at(folder, clock, provider) as scene:
        assert (await scene.sign_in()).status == 401
        assert await scene.refusals() == ["id_token_signature"]


async def test_a_key_that_is_too_short_verifies_none(
    folder: Path, clock: ShiftedClock, provider: FakeProvider
) -> None:
    provider.key = Key("short", rsa_key(1, 1024))
    provider.published = [public_jwk(provider.key)]
    async with scene_at(folder, clock, provider) as scene:
        assert (await scene.sign_in()).status == 401
        assert await scene.refusals() == ["id_token_signature"]
