"""The cases of the OpenID relying-party conformance profile, each by its name there."""

from __future__ import annotations

from collections.abc import Mapping

from tests.openid.fake_provider import CLIENT_SECRET, FakeProvider, Key, public_jwk, rsa_key
from tests.openid.refusing import Twist, refused, setting
from tests.openid.scene import Scene
from tests.openid.test_id_token_signatures import (
    by_another_key,
    by_secret,
    damaged,
    made,
    two_keys,
    unsigned,
)

OTHERS = "https://accounts.evil.test"

NEGATIVE: Mapping[str, tuple[Twist, str]] = {
    # First of all, so that both keys are known from the beginning.
    "oidcc-client-test-kid-absent-multiple-jwks": (two_keys, "id_token_key"),
    "oidcc-client-test-invalid-iss": (setting(claims={"iss": OTHERS}), "id_token_issuer"),
    "oidcc-client-test-missing-sub": (setting(claims={"sub": ...}), "id_token_subject"),
    "oidcc-client-test-invalid-aud": (setting(claims={"aud": "other"}), "id_token_audience"),
    "oidcc-client-test-missing-aud": (setting(claims={"aud": ...}), "id_token_audience"),
    "oidcc-client-test-missing-iat": (setting(claims={"iat": ...}), "id_token_iat"),
    "oidcc-client-test-nonce-invalid": (setting(claims={"nonce": "other"}), "id_token_nonce"),
    "oidcc-client-test-idtoken-sig-none": (unsigned("none"), "id_token_unsigned"),
    "oidcc-client-test-invalid-sig-rs256": (made(damaged), "id_token_signature"),
    "oidcc-client-test-invalid-sig-hs256": (
        by_secret(CLIENT_SECRET.encode()),
        "id_token_algorithm",
    ),
    "oidcc-client-test-userinfo-invalid-sub": (
        setting(claims={"email": ...}, userinfo={"sub": "other"}),
        "userinfo_subject",
    ),
    # and what its other plans and the issue ask for
    "azp of another": (setting(claims={"azp": "other"}), "id_token_authorized_party"),
    "missing exp": (setting(claims={"exp": ...}), "id_token_exp"),
    "expired": (setting(claims={"exp": 1}), "id_token_expired"),
    "invalid at_hash": (setting(claims={"at_hash": "A" * 22}), "id_token_access_token"),
    "everything right but another key": (made(by_another_key), "id_token_signature"),
    "another iss in the redirect": (setting(callback={"iss": OTHERS}), "answer_issuer"),
}


async def test_each_negative_case_is_refused_for_its_own_reason(scene: Scene) -> None:
    # OA-02, OA-03, OA-04
    found = await refused(scene, {name: twist for name, (twist, _) in NEGATIVE.items()})

    assert found == {name: reason for name, (_, reason) in NEGATIVE.items()}


def rotated(provider: FakeProvider, key: Key) -> None:
    """From now on this key signs, and no other is published."""
    provider.key = key
    provider.published = [public_jwk(key)]


async def test_keys_may_rotate_between_two_sign_ins(scene: Scene) -> None:
    # oidcc-client-test-signing-key-rotation; JWT-04
    assert (await scene.sign_in()).status == 200
    scene.advance(10)
    rotated(scene.provider, Key("second", rsa_key(2)))
    for _ in range(3):
        assert (await scene.sign_in()).status == 200

    assert scene.provider.asked["keys"] == 2


async def test_keys_may_rotate_while_somebody_signs_in(scene: Scene) -> None:
    # oidcc-client-test-signing-key-rotation-just-before-signing
    assert (await scene.sign_in()).status == 200
    browser = scene.browser()
    callback = await browser.returned("fake")
    scene.advance(10)
    rotated(scene.provider, Key("second", rsa_key(2)))

    assert (await browser.ask("GET", callback)).status == 200


async def test_keys_that_rotate_back_and_forth_let_nobody_in_by_the_old_one(scene: Scene) -> None:
    assert (await scene.sign_in()).status == 200
    scene.advance(3600)
    scene.admin = await scene.live.admin()
    rotated(scene.provider, Key("second", rsa_key(2)))
    assert (await scene.sign_in()).status == 200
    scene.provider.key = Key("first", rsa_key(1))

    assert (await scene.sign_in()).error == "invalid_grant"
    assert await scene.refusals() == ["id_token_key"]
