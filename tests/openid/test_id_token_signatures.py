"""Signatures of ID tokens that are none, or somebody else's: all refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agentbox.errors import LoginFailed
from agentbox.web.outgoing.client import OutgoingHttp
from agentbox_oidc.id_token import LONGEST, Expected, verified_claims
from agentbox_oidc.jwks import RemoteKeys
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
    signature = signed_by(rsa_key(1), header, claims).rpartition(".")[2]
    return f"{encoded(header)}.{encoded(claims | {'sub': 'eve'})}.{signature}"


def by_another_key(header: Json, claims: Json) -> str:
    """All is right but the key."""
    return signed_by(rsa_key(2), header, claims)


def by_a_key_of_its_own(header: Json, claims: Json) -> str:
    """All is right, but nobody has published that key."""
    return signed_by(rsa_key(2), header | {"kid": "second"}, claims)


def two_keys(provider: FakeProvider) -> None:
    provider.published = [public_jwk(provider.key), public_jwk(Key("second", rsa_key(2)))]
    provider.header = {"kid": ...}


async def test_each_signature_that_is_none_is_refused(scene: Scene) -> None:
    # OA-03
    twists: dict[str, tuple[Twist, str]] = {
        f"algorithm {name!r}": (unsigned(name), "unsigned")
        for name in ("none", "None", "NONE", "nOnE")
    }
    twists |= {
        f"algorithm {name!r}": (unsigned(name), "algorithm")
        for name in ("none ", "", "RS256 ", "rs256")
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
        "another key of another name": (made(by_a_key_of_its_own), "key"),
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


def long_header(header: Json, claims: Json) -> str:
    return signed_by(rsa_key(1), header | {"more": "x" * 8192}, claims)


def long(header: Json, claims: Json) -> str:
    return signed_by(rsa_key(1), header, claims | {"more": "x" * LONGEST})


async def test_a_token_may_tell_of_many_groups(scene: Scene) -> None:
    # Entra ID writes up to 200 of them into a token
    groups = [f"11111111-2222-3333-4444-{number:012}" for number in range(199)]
    scene.provider.claims = {"groups": groups}
    assert (await scene.sign_in()).status == 200

    assert [len(text) > 8192 for text in scene.provider.given_out if text.count(".") == 2] == [True]


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
        "longer than 64 KiB": (made(long), "malformed"),
        "a header of more than 8 KiB": (made(long_header), "malformed"),
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
    assert await refused(scene, {"two keys": two_keys}) == {"two keys": "id_token_key"}


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
        assert await scene.refusals() == ["id_token_key"]


async def test_a_key_that_is_too_short_verifies_none(
    folder: Path, clock: ShiftedClock, provider: FakeProvider
) -> None:
    provider.key = Key("short", rsa_key(1, 1024))
    provider.published = [public_jwk(provider.key)]
    async with scene_at(folder, clock, provider) as scene:
        assert (await scene.sign_in()).status == 401
        assert await scene.refusals() == ["id_token_key"]


async def test_no_character_of_a_token_can_be_another(
    provider: FakeProvider, clock: ShiftedClock
) -> None:  # OA-03
    text = signed_by(rsa_key(1), {"alg": "RS256", "kid": "first"}, good_claims(provider))
    expected = Expected(
        issuer=provider.issuer,
        client_id=CLIENT_ID,
        algorithm="RS256",
        nonce="n" * 43,
        now=datetime.fromtimestamp(provider.now(), UTC),
    )
    async with OutgoingHttp.opened() as http:
        keys = RemoteKeys(http.to([provider.issuer]), f"{provider.issuer}/keys", "RS256", clock)
        assert (await verified_claims(text, keys, expected, None))["sub"] == "subject-of-ada"
        taken = []
        for at, letter in enumerate(text):
            changed_text = f"{text[:at]}{'B' if letter == 'A' else 'A'}{text[at + 1 :]}"
            try:
                taken.append(await verified_claims(changed_text, keys, expected, None))
            except LoginFailed:
                continue

    assert taken == []


def good_claims(provider: FakeProvider) -> Json:
    return {
        "iss": provider.issuer,
        "aud": CLIENT_ID,
        "sub": "subject-of-ada",
        "iat": provider.now(),
        "exp": provider.now() + 300,
        "nonce": "n" * 43,
    }
