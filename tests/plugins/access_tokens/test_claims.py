"""Claims under a right signature, judged one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentbox.errors import ExpiredCredential, InvalidCredential
from tests.plugins.access_tokens.conftest import Issuer
from tests.plugins.access_tokens.forge import ISSUER, NOW, claims

FAR = 253_402_300_799  # the last second of the year 9999


@pytest.mark.parametrize(
    "issuers",
    [
        *(..., None, "", 0, True, [], [ISSUER], {ISSUER: 1}),
        *("https://auth.exampl", "https://auth.example/", "https://auth.example.evil"),
        *("https://auth.example ", " https://auth.example", "HTTPS://auth.example"),
        *("https://AUTH.example", "auth.example", "http://auth.example", "h", "https://"),
        "https://auth.example:443",
    ],
    ids=repr,
)
async def test_the_issuer_is_compared_exactly(issuer: Issuer, issuers: Any) -> None:  # JWT-07
    with pytest.raises(InvalidCredential):
        await issuer.judge(issuer.sign(claims(iss=issuers)))


@pytest.mark.parametrize(
    "audience",
    [
        *(..., None, "", 0, True, [], [[]], [[ISSUER]], {ISSUER: 1}, {}),
        *(ISSUER + "/", ISSUER[:-1], ISSUER + ".evil", "https://other.example", "*"),
        *(["https://other.example"], [ISSUER + "/"], [1, ISSUER], [ISSUER, None], [ISSUER, ["x"]]),
    ],
    ids=repr,
)
async def test_a_token_for_another_audience_is_refused(
    issuer: Issuer, audience: Any
) -> None:  # JWT-07
    with pytest.raises(InvalidCredential):
        await issuer.judge(issuer.sign(claims(aud=audience)))


async def test_one_of_several_audiences_is_enough(issuer: Issuer) -> None:  # JWT-07
    answer = await issuer.judge(issuer.sign(claims(aud=["https://other.example", ISSUER])))
    assert answer.audience == ("https://other.example", ISSUER)


NOT_INSTANTS: list[Any] = [
    *("1795436100", "", "tomorrow", None, True, False, [], {}, [NOW + 900]),
    *(NOW + 900.0, NOW + 900.5, 1e18, -1, -NOW, -0.5, 2**63 - 1, -(2**63), FAR + 1),
]


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", NOT_INSTANTS, ids=repr)
async def test_an_instant_is_an_integer_in_range(
    issuer: Issuer, name: str, value: Any
) -> None:  # JWT-08
    with pytest.raises(InvalidCredential) as caught:
        await issuer.judge(issuer.sign(claims(**{name: value})))
    assert not isinstance(caught.value, ExpiredCredential)


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 25, "9" * 5000])
async def test_a_number_that_is_none_is_refused(
    issuer: Issuer, name: str, number: str
) -> None:  # JWT-08
    text = json.dumps(claims(**{name: "@"})).replace('"@"', number)
    with pytest.raises(InvalidCredential):
        await issuer.judge(issuer.sign(text.encode()))


@pytest.mark.parametrize("name", ["exp", "iat"])
async def test_expiry_and_issue_are_required(issuer: Issuer, name: str) -> None:  # JWT-08
    with pytest.raises(InvalidCredential, match="claims"):
        await issuer.judge(issuer.sign(claims(**{name: ...})))


@pytest.mark.parametrize("name", ["iat", "nbf"])
@pytest.mark.parametrize("ahead", [30, 29, 0, -900])
async def test_clocks_may_differ_by_half_a_minute(
    issuer: Issuer, name: str, ahead: int
) -> None:  # JWT-08
    assert await issuer.judge(issuer.sign(claims(**{name: NOW + ahead})))


@pytest.mark.parametrize("name", ["iat", "nbf"])
@pytest.mark.parametrize("ahead", [31, 61, 3600, FAR - NOW])
async def test_a_token_from_the_future_is_refused(
    issuer: Issuer, name: str, ahead: int
) -> None:  # JWT-08
    with pytest.raises(InvalidCredential, match="not_yet_valid"):
        await issuer.judge(issuer.sign(claims(**{name: NOW + ahead, "exp": FAR})))


@pytest.mark.parametrize("since", [0, 1, 30, 59, NOW])
async def test_a_token_that_ran_out_is_expired_without_leeway(
    issuer: Issuer, since: int
) -> None:  # JWT-08
    with pytest.raises(ExpiredCredential):
        await issuer.judge(issuer.sign(claims(exp=NOW - since, iat=0)))


@pytest.mark.parametrize("name", ["sub", "client_id", "jti", "sid"])
@pytest.mark.parametrize("value", [..., None, "", 0, 1, True, [], ["u1"], {}], ids=repr)
async def test_what_rfc_9068_requires_is_a_text(issuer: Issuer, name: str, value: Any) -> None:
    with pytest.raises(InvalidCredential, match="claims"):
        await issuer.judge(issuer.sign(claims(**{name: value})))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b'{"sub":"\xff"}',
        json.dumps(claims()).replace('"sub": "u1"', '"sub": "u1", "sub": "u2"').encode(),
        json.dumps(claims()).replace('"sub": "u1"', '"sub": "u1", "s\\u0075b": "u2"').encode(),
        json.dumps(claims(sub="u\x00")).encode(),
        json.dumps(claims(sub="\ud800")).encode(),
        json.dumps(claims()).encode() + b" x",
    ],
    ids=repr,
)
async def test_claims_are_read_strictly(issuer: Issuer, text: bytes) -> None:  # IV-04
    with pytest.raises(InvalidCredential, match="claims"):
        await issuer.judge(issuer.sign(text))


@pytest.mark.parametrize(
    "changes",
    [{"iss": "x"}, {"aud": "x"}, {"iat": NOW + 90}, {"nbf": NOW + 90}, {"sub": ...}, {"sid": 1}],
    ids=repr,
)
async def test_expired_is_only_what_is_good_in_all_else(
    issuer: Issuer, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidCredential) as caught:
        await issuer.judge(issuer.sign(claims(exp=NOW - 1, **changes)))
    assert not isinstance(caught.value, ExpiredCredential)


async def test_a_forged_token_is_never_merely_expired(issuer: Issuer) -> None:
    body = issuer.sign(claims(exp=NOW - 1)).rpartition(".")[0]
    other = issuer.sign(claims()).rpartition(".")[2]
    with pytest.raises(InvalidCredential, match="signature"):
        await issuer.judge(f"{body}.{other}")


async def test_the_role_in_a_token_is_not_looked_at(issuer: Issuer) -> None:
    for role in (..., None, "super_admin", 1):
        assert await issuer.judge(issuer.sign(claims(role=role)))


@pytest.mark.parametrize(
    "kind",
    [
        *(
            ...,
            None,
            "",
            1,
            "JWT",
            "jwt",
            "AT+JWT",
            "at+jwt ",
            " at+jwt",
            "at+JWT",
            "at",
            "x-at+jwt",
        ),
        *("rt+jwt", "id+jwt", "dpop+jwt", "secevent+jwt", "logout+jwt", "oauth-authz-req+jwt"),
        *("token-introspection+jwt", "application/jwt", "application/AT+JWT", ["at+jwt"]),
    ],
    ids=repr,
)
async def test_a_token_of_another_class_is_refused(issuer: Issuer, kind: Any) -> None:  # JWT-09
    with pytest.raises(InvalidCredential):
        await issuer.judge(issuer.sign(claims(), typ=kind))


async def test_the_class_may_be_written_as_a_whole_media_type(issuer: Issuer) -> None:
    assert await issuer.judge(issuer.sign(claims(), typ="application/at+jwt"))
