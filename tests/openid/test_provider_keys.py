"""Keys of a provider: fetched when they are needed, seldom, and from nowhere else."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from agentbox.errors import OutboundFailed
from agentbox.model.formats.jose import CompactJws, MalformedJws, parse
from agentbox.web.outgoing.client import OutgoingHttp
from agentbox_oidc.authenticator import OidcAuthenticator
from agentbox_oidc.jwks import MOST_KEYS, RemoteKeys
from tests.live import ShiftedClock
from tests.openid.answers import of_json
from tests.openid.fake_provider import (
    FakeProvider,
    Key,
    listening,
    public_jwk,
    rsa_key,
    signed_by,
)
from tests.openid.gate import Gate
from tests.openid.scene import Scene, scene_at


@pytest.fixture
async def http() -> AsyncIterator[OutgoingHttp]:
    """The server's own client."""
    async with OutgoingHttp.opened() as opened:
        yield opened


@pytest.fixture
def keys(http: OutgoingHttp, provider: FakeProvider, clock: ShiftedClock) -> RemoteKeys:
    """The provider's keys, not fetched yet."""
    client = http.to([provider.issuer])
    return RemoteKeys(client, f"{provider.issuer}/keys", "RS256", clock)


def token(key_id: Any = "first", key: int = 1, **header: Any) -> CompactJws:
    """What the key of this number has signed, under any name."""
    named = {} if key_id is None else {"kid": key_id}
    return parse(signed_by(rsa_key(key), {"alg": "RS256", **named, **header}, {"sub": "ada"}))


def fetches() -> list[str]:
    """Those that are under way."""
    coroutines = [repr(task.get_coro()) for task in asyncio.all_tasks()]
    return [text for text in coroutines if "_keep_what_comes" in text]


async def test_keys_are_fetched_once_and_for_everybody(
    keys: RemoteKeys, provider: FakeProvider
) -> None:
    found = await asyncio.gather(*(keys.verifies(token()) for _ in range(20)))

    assert set(found) == {True}
    assert provider.asked["keys"] == 1


async def test_a_thousand_unknown_names_are_one_question_in_ten_seconds(
    keys: RemoteKeys, provider: FakeProvider, clock: ShiftedClock
) -> None:  # JWT-04
    assert await keys.verifies(token())
    clock.advance(10)
    storm = [token(secrets.token_hex(8)) for _ in range(1000)]
    found = await asyncio.gather(*map(keys.verifies, storm))

    assert set(found) == {None}
    assert provider.asked["keys"] == 2
    clock.advance(9)
    assert not await keys.verifies(token("another"))
    assert provider.asked["keys"] == 2
    clock.advance(1)
    assert not await keys.verifies(token("another"))
    assert provider.asked["keys"] == 3
    assert await keys.verifies(token())


@pytest.mark.parametrize(
    "key_id",
    [
        "../../../../dev/null",
        "first' OR '1'='1",
        "http://127.0.0.1:1/keys",
        "FIRST",
        "first ",
        "",
        "\u212airst",
        "x" * 4096,
    ],
)
async def test_a_hostile_name_is_an_unknown_one(
    keys: RemoteKeys, provider: FakeProvider, key_id: str
) -> None:  # JWT-04
    await keys.verifies(token())

    assert not await keys.verifies(token(key_id))
    assert provider.asked["keys"] == 1


@pytest.mark.parametrize("key_id", [7, None, ["first"], {"kid": "first"}, True, "x" * 100_000])
def test_a_name_that_is_no_text_or_endless_is_no_token(key_id: Any) -> None:  # JWT-04
    with pytest.raises(MalformedJws):
        parse(signed_by(rsa_key(1), {"alg": "RS256", "kid": key_id}, {}))


async def test_a_new_key_is_found_by_its_name(
    keys: RemoteKeys, provider: FakeProvider, clock: ShiftedClock
) -> None:  # JWT-04
    assert await keys.verifies(token())
    provider.published.append(public_jwk(Key("second", rsa_key(2))))
    clock.advance(10)

    assert await keys.verifies(token("second", 2))
    assert await keys.verifies(token())
    assert provider.asked["keys"] == 2


async def test_a_key_that_is_withdrawn_is_trusted_for_an_hour_at_most(
    keys: RemoteKeys, provider: FakeProvider, clock: ShiftedClock
) -> None:
    assert await keys.verifies(token())
    provider.published = [public_jwk(Key("second", rsa_key(2)))]
    clock.advance(3599)
    assert await keys.verifies(token())
    clock.advance(1)

    assert not await keys.verifies(token())
    assert await keys.verifies(token("second", 2))


async def test_a_single_key_without_a_name_may_be_replaced(
    keys: RemoteKeys, provider: FakeProvider, clock: ShiftedClock
) -> None:
    provider.published = [public_jwk(Key(None, rsa_key(1)))]
    assert await keys.verifies(token(None))
    provider.published = [public_jwk(Key(None, rsa_key(2)))]
    assert await keys.verifies(token(None, 2)) is False
    assert provider.asked["keys"] == 1
    clock.advance(10)

    assert await keys.verifies(token(None, 2))
    assert await keys.verifies(token(None, 1)) is False
    assert provider.asked["keys"] == 2


async def test_a_name_that_gets_another_key_is_that_key(
    keys: RemoteKeys, provider: FakeProvider, clock: ShiftedClock
) -> None:
    assert await keys.verifies(token())
    provider.published = [public_jwk(Key("first", rsa_key(2)))]
    clock.advance(3600)

    assert not await keys.verifies(token("first", 1))
    assert await keys.verifies(token("first", 2))


async def test_keys_that_can_not_be_had_anew_are_not_trusted_on(
    keys: RemoteKeys, provider: FakeProvider, clock: ShiftedClock
) -> None:  # OA-11
    assert await keys.verifies(token())
    clock.advance(3600)
    provider.instead = {"keys": of_json({}, 503)}
    for _ in range(3):
        with pytest.raises(OutboundFailed) as failure:
            await keys.verifies(token())
        assert failure.value.reason == "status"
    assert provider.asked["keys"] == 2
    provider.straighten()
    clock.advance(10)

    assert await keys.verifies(token())


async def test_an_outage_does_not_touch_keys_that_are_there(
    keys: RemoteKeys, provider: FakeProvider, clock: ShiftedClock
) -> None:
    assert await keys.verifies(token())
    clock.advance(10)
    provider.instead = {"keys": of_json({}, 503)}
    with pytest.raises(OutboundFailed):
        await keys.verifies(token("second", 2))

    assert await keys.verifies(token())


async def test_who_gives_up_while_keys_are_fetched_leaves_them_to_the_next(
    keys: RemoteKeys, provider: FakeProvider
) -> None:  # OA-11: a provider that is slow throughout would never be done in time
    gate = Gate(provider, "keys")
    judging = asyncio.create_task(keys.verifies(token()))
    await gate.is_full()
    judging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await judging
    joining = asyncio.create_task(keys.verifies(token()))
    await asyncio.sleep(0)
    gate.open()

    assert await joining
    assert provider.asked["keys"] == 1


async def test_a_sign_in_that_took_too_long_leaves_keys_to_the_next(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:  # OA-11
    gate = Gate(scene.provider, "keys")
    with monkeypatch.context() as patch:
        patch.setattr("agentbox_oidc.authenticator.TOGETHER", 0.5)
        late = await scene.sign_in()
    gate.open()

    assert (late.status, await scene.refusals()) == (503, ["provider_timeout"])
    assert (await scene.sign_in()).status == 200
    assert scene.provider.asked["keys"] == 1


async def test_a_fetch_that_is_ended_is_no_answer(keys: RemoteKeys, provider: FakeProvider) -> None:
    gate = Gate(provider, "keys")
    judging = asyncio.create_task(keys.verifies(token()))
    await gate.is_full()
    await keys.close()

    with pytest.raises(OutboundFailed, match="timeout"):
        await judging


async def test_a_fetch_ends_with_the_server(
    folder: Path, clock: ShiftedClock, provider: FakeProvider
) -> None:
    async with scene_at(folder, clock, provider) as scene:
        opened: Any = next(
            named.opened
            for named in scene.live.runtime.abilities.methods
            if isinstance(named.opened, OidcAuthenticator)
        )
        known = await opened._providers["fake"]._discovery.known()
        gate = Gate(provider, "keys")
        judging = asyncio.create_task(known.keys.verifies(token()))
        await gate.is_full()
        judging.cancel()
        await asyncio.wait([judging])
        going_on = fetches()

    assert len(going_on) == 1
    assert fetches() == []


@pytest.mark.parametrize(
    "answer", [{}, {"keys": {}}, {"keys": None}, {"keys": "first"}, {"KEYS": []}], ids=str
)
async def test_what_is_no_list_of_keys_is_no_answer(
    keys: RemoteKeys, provider: FakeProvider, answer: Any
) -> None:  # OA-11
    provider.instead = {"keys": of_json(answer)}

    with pytest.raises(OutboundFailed, match="list"):
        await keys.verifies(token())


async def test_two_keys_of_one_name_are_none(keys: RemoteKeys, provider: FakeProvider) -> None:
    provider.published.append(public_jwk(Key("first", rsa_key(2))))

    assert not await keys.verifies(token())


async def test_keys_for_other_things_do_not_count(keys: RemoteKeys, provider: FakeProvider) -> None:
    other = [public_jwk(Key(f"e{number}", rsa_key(2)), use="enc") for number in range(MOST_KEYS)]
    provider.published = [*other, *provider.published]

    assert await keys.verifies(token())


async def test_no_more_keys_than_that_are_looked_into(
    keys: RemoteKeys, provider: FakeProvider
) -> None:
    other = [public_jwk(Key(f"e{number}", rsa_key(2))) for number in range(MOST_KEYS)]
    provider.published = [*other, *provider.published]

    assert await keys.verifies(token()) is None
    assert await keys.verifies(token(f"e{MOST_KEYS - 1}", 2))


async def test_what_is_no_key_beside_good_ones_is_passed_over(
    keys: RemoteKeys, provider: FakeProvider
) -> None:
    odd: list[Any] = [None, 7, "first", [], {}, {"kty": "RSA"}, {"kty": ["RSA"]}, {"kty": "EC"}]
    provider.published = [*odd, *provider.published]

    assert await keys.verifies(token())


async def test_keys_and_addresses_in_a_header_are_never_used(scene: Scene) -> None:  # JWT-03
    hits: list[str] = []

    async def collaborator(request: web.Request) -> web.StreamResponse:
        hits.append(request.path)
        return web.json_response({"keys": [public_jwk(Key("mine", rsa_key(2)))]})

    async with listening(collaborator) as port:
        elsewhere = f"http://127.0.0.1:{port}/keys"
        headers: list[dict[str, Any]] = [
            {"jwk": public_jwk(Key("mine", rsa_key(2)))},
            {"jku": elsewhere},
            {"x5u": elsewhere},
            {"x5c": ["MIIB"]},
            {"jku": elsewhere, "kid": "mine"},
            {"kid": elsewhere},
        ]
        answers = []
        for header in headers:
            scene.provider.id_token = lambda given, claims, header=header: signed_by(  # type: ignore[misc]
                rsa_key(2), given | header, claims
            )
            answers.append((await scene.sign_in()).error)
        scene.provider.straighten()
        scene.provider.header = headers[0] | headers[1] | headers[2]
        honest = await scene.sign_in()

    assert answers == ["invalid_grant"] * len(headers)
    # None of ours has the name that two of them give, and the others name ours.
    assert sorted(await scene.refusals()) == ["id_token_key"] * 2 + ["id_token_signature"] * 4
    assert honest.status == 200
    assert hits == []
    # One for the first token, and one for a name that is not known.
    assert scene.provider.asked["keys"] <= 2


def test_what_is_published_holds_no_private_part() -> None:
    assert set(public_jwk(Key("first", rsa_key(1)))) == {"kty", "n", "e", "use", "alg", "kid"}
    assert json.dumps(public_jwk(Key(None, rsa_key(1)))).count("kid") == 0
