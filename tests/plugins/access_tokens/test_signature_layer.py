"""Wycheproof's JWS vectors, on the signature layer alone: no claims, no class, no expiry.

HS256 and ES256 must agree with the vectors. Every other algorithm is refused, and so are 372 and
373: they are valid for readers that skip characters outside the alphabet, which RFC 7515 section
2 does not allow and JWT-05 forbids.

Nobody can agree with 367 and 370: they are called invalid for padding that the file does not hold,
and are byte for byte the token of 357, which is valid. What they mean is tested beside them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import ECAlgorithm

from agentbox.errors import StartError
from agentbox.model.formats.jose import MalformedJws, parse
from agentbox.model.signing_keys import SigningKey
from agentbox_jwt.keys import Key, load, signature_holds
from tests.plugins.stand_in import SEALER, START

VECTORS = Path(__file__).parents[2] / "data" / "wycheproof" / "json_web_signature_test.json"
GROUPS = json.loads(VECTORS.read_text())["testGroups"]
CASES = [(group, test) for group in GROUPS for test in group["tests"]]
REFUSED_ON_PURPOSE = {372, 373}
SAME_AS_VALID_357 = {367, 370}


def key_of(group: Mapping[str, Any]) -> Key:
    """The group's key, through the same door as our own. Raises `StartError`."""
    jwk = group["private"]
    if jwk["kty"] == "oct":
        material = base64.urlsafe_b64decode(jwk["k"] + "==")
        if jwk.get("alg") != "HS256" or jwk.get("use", "sig") != "sig":
            raise StartError("a shared secret of another kind")
        return Key(id=jwk["kid"], algorithm="HS256", private=material, public=material)
    sealed = b""
    if jwk["kty"] == "EC":
        private: Any = ECAlgorithm.from_jwk(jwk)
        der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        sealed = SEALER.seal(der, place=f"signing_keys:private_key:{jwk['kid']}")
    return load(
        SigningKey(
            id=jwk["kid"],
            algorithm=jwk.get("alg", "ES256"),
            public_jwk=group["public"],
            sealed_private_key=sealed,
            created_at=START,
        ),
        SEALER,
    )


def accepts(group: Mapping[str, Any], text: object) -> bool:
    """Whether the token has the form that is read here, and its signature holds."""
    try:
        return signature_holds(key_of(group), parse(text if isinstance(text, str) else str(text)))
    except (MalformedJws, StartError):
        return False


def expected(group: Mapping[str, Any], test: Mapping[str, Any]) -> bool:
    ours = group["private"].get("alg") in ("HS256", "ES256")
    valid = test["result"] == "valid" or test["tcId"] in SAME_AS_VALID_357
    return ours and valid and test["tcId"] not in REFUSED_ON_PURPOSE


def test_all_vectors_are_there() -> None:
    assert len(CASES) == 401
    assert {test["result"] for _, test in CASES} == {"valid", "invalid"}
    assert sum(expected(group, test) for group, test in CASES) >= 8


@pytest.mark.parametrize(
    ("group", "test"), CASES, ids=[f"{test['tcId']} {test['comment']}" for _, test in CASES]
)
def test_the_signature_layer_agrees_with_the_vector(
    group: Mapping[str, Any], test: Mapping[str, Any]
) -> None:  # JWT-01, JWT-02, JWT-05
    assert accepts(group, test["jws"]) is expected(group, test)


def test_the_vectors_that_are_left_out_contradict_a_valid_one() -> None:
    tokens = {test["tcId"]: test["jws"] for _, test in CASES}
    results = {test["tcId"]: test["result"] for _, test in CASES}
    assert results[357] == "valid"
    for number in SAME_AS_VALID_357:
        assert results[number] == "invalid"
        assert tokens[number] == tokens[357]


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("padding", ["=", "==", "==="])
def test_the_padding_that_those_vectors_mean_is_refused(part: int, padding: str) -> None:  # JWT-05
    group, test = next(case for case in CASES if case[1]["tcId"] == 357)
    parts = test["jws"].split(".")
    parts[part] += padding
    assert accepts(group, test["jws"])
    assert not accepts(group, ".".join(parts))


OTHERS = [group for group in GROUPS if group["private"].get("alg") not in ("HS256", "ES256")]


@pytest.mark.parametrize("group", OTHERS, ids=lambda group: group["comment"])
def test_a_key_for_another_algorithm_or_use_is_not_loaded(group: Mapping[str, Any]) -> None:
    with pytest.raises(StartError):
        key_of(group)
