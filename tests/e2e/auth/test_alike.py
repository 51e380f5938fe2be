"""Credentials that look alike are not alike: not cut, not written otherwise, not the other one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentbox.model.formats.api_key import checksum
from tests.e2e.people import People
from tests.live import Live


def written_otherwise(text: str) -> Iterator[str]:
    """The same for a reader who cuts, pads, decodes or folds."""
    yield from (text[:-number] for number in range(1, 11))
    yield from (text[number:] for number in range(1, 4))
    yield from (text + more for more in ("=", "==", "A", ".", "%00", "%20", "\\n", ",", ";", "_"))
    yield from (text.swapcase(), text.upper(), text.lower(), text + text, f'"{text}"', f"<{text}>")
    yield from (text.replace(text[at], f"%{ord(text[at]):02x}", 1) for at in (0, 5, -1))
    yield from (text.replace("_", "-"), text.replace("-", "_").replace(".", "_"), text[:60])


@pytest.mark.parametrize("kind", ["token", "key"])
@pytest.mark.parametrize("ended", [False, True])
async def test_what_is_cut_or_written_otherwise_opens_nothing(
    live: Live, people: People, kind: str, ended: bool
) -> None:
    # JWT-12
    key, record = await live.make_key(people.user.caller)
    text = people.user.token if kind == "token" else key
    # It is remembered from now on, and must be forgotten with its end.
    assert (await live.with_token(text).get("/auth/me")).status == 200
    if ended:
        await people.user.caller.delete(f"/api-keys/{record['id']}")
        await people.user.caller.post("/auth/logout")
    bent = {*written_otherwise(text), text} if ended else {*written_otherwise(text)} - {text}

    opened = [
        each
        for each in bent
        for way in (live.with_token, live.with_key)
        if (await way(each).get("/auth/me")).status != 401
    ]

    assert opened == []


async def test_a_key_that_begins_like_another_is_not_that_one(live: Live, people: People) -> None:
    # JWT-12
    key = await people.user.key()
    assert (await live.with_key(key).get("/auth/me")).status == 200
    alike = key[:60] + "".join(chr(ord("a") + (ord(sign) % 26)) for sign in key[60:-6])
    assert alike[:60] == key[:60]
    assert alike != key[:-6]

    for _ in range(2):  # a refusal is remembered too, and for that text alone
        answer = await live.with_key(alike + checksum(alike)).get("/auth/me")
        assert (answer.status, answer.error) == (401, "invalid_token")
        assert (await live.with_key(key).get("/auth/me")).body["id"] == people.user.id
