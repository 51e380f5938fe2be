"""What a minted token says, and who can read it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt as pyjwt
import msgspec
import pytest

from agentbox.errors import ExpiredCredential, InvalidCredential
from agentbox.model.evidence import NO_LIMIT, Credential, SubjectRef
from agentbox.model.formats.jose import parse, parse_claims
from agentbox.model.secret import Secret
from agentbox.plugin import TokenRequest
from tests.plugins.access_tokens.conftest import Issuer
from tests.plugins.access_tokens.forge import ISSUER, NOW
from tests.plugins.stand_in import START


async def test_the_header_says_algorithm_key_and_class(
    issuer: Issuer, request_for_token: TokenRequest
) -> None:
    token = await issuer.jwt.mint(request_for_token)
    assert parse(token.reveal()).header == issuer.header


async def test_the_claims_say_what_was_asked_for(
    issuer: Issuer, request_for_token: TokenRequest
) -> None:
    said = parse_claims(parse((await issuer.jwt.mint(request_for_token)).reveal()).payload)
    assert said.pop("jti")
    assert said == {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": "u1",
        "client_id": "agentbox",
        "exp": NOW + 900,
        "iat": NOW,
        "sid": "s1",
        "role": "user",
    }


async def test_no_two_tokens_have_one_id(issuer: Issuer, request_for_token: TokenRequest) -> None:
    tokens = [await issuer.jwt.mint(request_for_token) for _ in range(20)]
    ids = {parse_claims(parse(token.reveal()).payload)["jti"] for token in tokens}
    assert len(ids) == 20


async def test_extra_claims_are_added_and_replace_nothing(
    issuer: Issuer, request_for_token: TokenRequest
) -> None:
    extra: dict[str, str | int | bool] = {"team": "blue", "sub": "u2", "exp": 9, "nbf": 2**40}
    request = msgspec.structs.replace(request_for_token, extra_claims=extra)
    said = parse_claims(parse((await issuer.jwt.mint(request)).reveal()).payload)
    assert (said["team"], said["sub"], said["exp"]) == ("blue", "u1", NOW + 900)
    assert "nbf" not in said


async def test_a_minted_token_is_recognised_as_its_user_and_session(
    issuer: Issuer, request_for_token: TokenRequest
) -> None:
    token = await issuer.jwt.mint(request_for_token)
    answer = await issuer.judge(token.reveal())
    assert answer.subject == SubjectRef("user", "u1")
    assert (answer.session_id, answer.client_id, answer.audience) == ("s1", "agentbox", (ISSUER,))
    assert (answer.credential.kind, answer.credential.id) == ("session", "s1")
    assert answer.credential.authenticator_id == "the-instance"
    assert answer.credential.expires_at == START + timedelta(minutes=15)


async def test_a_token_limits_nothing_and_the_role_in_it_is_information(
    issuer: Issuer, request_for_token: TokenRequest
) -> None:
    answer = await issuer.judge((await issuer.jwt.mint(request_for_token)).reveal())
    assert answer.scope_limit is NO_LIMIT
    assert answer.environment_limit is NO_LIMIT
    assert answer.claims["role"] == "user"


async def test_a_token_runs_out_at_its_instant_and_says_whose_it_was(
    issuer: Issuer, request_for_token: TokenRequest
) -> None:
    token = (await issuer.jwt.mint(request_for_token)).reveal()
    issuer.services.clock.move(899.999)
    await issuer.judge(token)
    issuer.services.clock.move(0.001)
    with pytest.raises(ExpiredCredential) as caught:
        await issuer.judge(token)
    assert caught.value.authentication.session_id == "s1"


async def test_fractions_of_a_second_never_lengthen_a_token(
    issuer: Issuer, request_for_token: TokenRequest
) -> None:
    end = START + timedelta(seconds=60, microseconds=999_999)
    request = msgspec.structs.replace(request_for_token, expires_at=end)
    answer = await issuer.judge((await issuer.jwt.mint(request)).reveal())
    assert answer.credential.expires_at == START + timedelta(seconds=60)


async def test_another_library_verifies_it_with_the_published_key(
    issuer: Issuer, request_for_token: TokenRequest
) -> None:
    token = (await issuer.jwt.mint(request_for_token)).reveal()
    keys = pyjwt.PyJWKSet([dict(key) for key in await issuer.jwt.jwks()])
    key = keys[pyjwt.get_unverified_header(token)["kid"]]
    options: Any = {"verify_exp": False, "verify_iat": False}
    read = pyjwt.decode(token, key, ["ES256"], options, audience=ISSUER, issuer=ISSUER)
    assert read["sub"] == "u1"


async def test_what_is_published_holds_nothing_private(issuer: Issuer) -> None:  # JWT-10
    (key,) = await issuer.jwt.jwks()
    assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}


async def test_only_the_authorization_header_is_looked_at(
    issuer: Issuer, request_for_token: TokenRequest
) -> None:
    token = await issuer.jwt.mint(request_for_token)
    assert issuer.jwt.recognises(Credential("bearer", token))
    assert not issuer.jwt.recognises(Credential("api_key", token))


async def test_a_truncated_token_is_refused(
    issuer: Issuer, request_for_token: TokenRequest
) -> None:
    token = (await issuer.jwt.mint(request_for_token)).reveal()
    for cut in range(1, 11):
        with pytest.raises(InvalidCredential):
            await issuer.judge(token[:-cut])


async def test_every_changed_character_is_noticed(
    issuer: Issuer, request_for_token: TokenRequest
) -> None:
    token = (await issuer.jwt.mint(request_for_token)).reveal()
    for place, letter in enumerate(token):
        other = "B" if letter == "A" else "A"
        with pytest.raises(InvalidCredential):
            await issuer.judge(token[:place] + other + token[place + 1 :])


async def test_a_key_is_not_shown_by_accident(issuer: Issuer) -> None:
    assert repr(issuer.key) == f"Key({issuer.key.id!r}, 'ES256')"


async def test_a_refusal_says_a_word_and_nothing_of_the_token(issuer: Issuer) -> None:
    with pytest.raises(InvalidCredential) as caught:
        await issuer.jwt.authenticate(Credential("bearer", Secret("eyJ.canary.x")))
    assert caught.value.reason == "malformed"
    assert caught.value.__suppress_context__
