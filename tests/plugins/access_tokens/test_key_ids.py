"""Keys are found in memory by their exact id, and nowhere else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from agentbox.errors import InvalidCredential
from agentbox.model.ids import new_id
from tests.plugins.access_tokens.conftest import Issuer
from tests.plugins.access_tokens.forge import claims, encoded, es256

HOSTILE = [
    *("../../../../dev/null", "/dev/null", "file:///dev/null", "C:\\nul", "..%2f..%2f", "."),
    *("' OR '1'='1", "x' UNION SELECT 'key' --", "'; DROP TABLE signing_keys; --", "$1", "{kid}"),
    *("| id", "$(id)", "`id`", "${jndi:ldap://127.0.0.1/x}", "http://127.0.0.1/key", "%s%s%n"),
    *("", " ", "\n", "HS256", "hs256", "none", "null", "0", "-1", "__class__", "id", "é", "\u202e"),
    *("k" * 5000, "\U0001f511" * 400),
]
NO_TEXTS = [0, 1, -1, 1.5, True, None, [], ["k"], {}, {"$ne": ""}]


@pytest.mark.parametrize("kid", [*HOSTILE, *NO_TEXTS], ids=lambda kid: repr(kid)[:40])
async def test_a_hostile_key_id_is_refused_without_reading_anything(
    issuer: Issuer, kid: Any
) -> None:  # JWT-04
    with pytest.raises(InvalidCredential):
        await issuer.judge(issuer.sign(claims(), kid=kid))
    assert issuer.services.storage.transactions == 0


async def test_a_key_id_of_100_kilobytes_is_refused_by_its_length(issuer: Issuer) -> None:  # JWT-04
    with pytest.raises(InvalidCredential, match="malformed"):
        await issuer.judge(issuer.sign(claims(), kid="k" * 100_000))


async def test_a_token_without_a_key_id_is_refused(issuer: Issuer) -> None:  # JWT-04
    with pytest.raises(InvalidCredential, match="key"):
        await issuer.judge(issuer.sign(claims(), kid=...))


@pytest.mark.parametrize("change", ["x{}", "{}x", " {}", "{} ", "{}\n", "{}\u200b"])
async def test_a_key_id_is_matched_exactly(issuer: Issuer, change: str) -> None:  # JWT-04
    with pytest.raises(InvalidCredential, match="key"):
        await issuer.judge(issuer.sign(claims(), kid=change.format(issuer.key.id)))


async def test_a_thousand_made_up_key_ids_cost_one_read_at_most(issuer: Issuer) -> None:  # JWT-04
    issuer.services.clock.move(60)
    for _ in range(1000):
        with pytest.raises(InvalidCredential, match="key"):
            await issuer.judge(issuer.sign(b"{}", kid=new_id()))
    assert issuer.services.storage.transactions == 1


async def test_at_once_they_cost_one_read_too(issuer: Issuer) -> None:  # JWT-04
    issuer.services.clock.move(60)
    tokens = [issuer.sign(b"{}", kid=new_id()) for _ in range(100)]
    answers = await asyncio.gather(*map(issuer.judge, tokens), return_exceptions=True)
    assert all(isinstance(answer, InvalidCredential) for answer in answers)
    assert issuer.services.storage.transactions == 1


async def test_unknown_key_ids_are_asked_for_again_after_ten_seconds(issuer: Issuer) -> None:
    for _ in range(3):
        issuer.services.clock.move(9.9)
        for _ in range(2):
            with pytest.raises(InvalidCredential, match="key"):
                await issuer.judge(issuer.sign(b"{}", kid=new_id()))
    assert issuer.services.storage.transactions == 1


async def test_refusing_an_unknown_key_is_quick(issuer: Issuer) -> None:  # JWT-04
    token = issuer.sign(claims(), kid="made up")
    begin = time.process_time()
    for _ in range(100):
        with pytest.raises(InvalidCredential):
            await issuer.judge(token)
    assert (time.process_time() - begin) / 100 < 0.02


class Collaborator:
    """Listens where forged tokens point, and counts who comes."""

    def __init__(self) -> None:
        self.visits = 0
        self.address = ""

    async def visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        writer.close()


@pytest.fixture
async def collaborator() -> AsyncIterator[Collaborator]:
    waiting = Collaborator()
    async with await asyncio.start_server(waiting.visit, "127.0.0.1", 0) as server:
        waiting.address = "http://127.0.0.1:%d/keys" % server.sockets[0].getsockname()[1]  # noqa: UP031
        yield waiting


@pytest.mark.parametrize("kid", ["known", "unknown", ...])
async def test_keys_that_a_token_brings_along_are_never_used(
    issuer: Issuer, collaborator: Collaborator, kid: Any
) -> None:  # JWT-03
    mine = ec.generate_private_key(ec.SECP256R1())
    jwk = ECAlgorithm.to_jwk(mine.public_key(), as_dict=True) | {"kid": "mine", "use": "sig"}
    issuer.services.clock.move(60)
    key_id = {"known": issuer.key.id, "unknown": "mine"}.get(kid, ...)
    base = {"alg": "ES256", "typ": "at+jwt"} | ({} if key_id is ... else {"kid": key_id})
    for member in (
        {"jwk": jwk},
        {"jku": collaborator.address},
        {"x5u": collaborator.address},
        {"x5c": [encoded(b"certificate")]},
        {"jwk": jwk, "jku": collaborator.address, "x5u": collaborator.address, "x5t": "x"},
    ):
        with pytest.raises(InvalidCredential):
            await issuer.judge(es256(mine, base | member, claims()))
    await asyncio.sleep(0)
    assert collaborator.visits == 0


async def test_a_token_that_points_elsewhere_is_still_judged_by_our_key(
    issuer: Issuer, collaborator: Collaborator
) -> None:  # JWT-03
    assert await issuer.judge(issuer.sign(claims(), jku=collaborator.address))
    assert collaborator.visits == 0
