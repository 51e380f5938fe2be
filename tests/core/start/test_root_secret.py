"""The root secret: what it seals, and which one counts."""

from __future__ import annotations

import base64

import pytest

from agentbox.core.start.root_secret import RootSecret, parse_secrets, verify_root_secret
from agentbox.errors import StartError
from agentbox.plugin.storage import Storage

ONE, TWO = b"1" * 32, b"2" * 32
PLACE = "signing_keys:private:k1"


def text(*secrets: bytes) -> str:
    return ",".join(base64.b64encode(secret).decode() for secret in secrets)


def test_what_is_sealed_opens_at_its_place() -> None:
    secret = RootSecret([ONE])

    assert secret.open(secret.seal(b"text", place=PLACE), place=PLACE) == b"text"


def test_what_is_sealed_does_not_show_its_text() -> None:
    assert b"text" not in RootSecret([ONE]).seal(b"text", place=PLACE)


def test_the_same_text_is_sealed_differently_each_time() -> None:
    secret = RootSecret([ONE])

    assert secret.seal(b"text", place=PLACE) != secret.seal(b"text", place=PLACE)


# ST-11: bound to its row
@pytest.mark.parametrize(
    "place", ["signing_keys:private:k2", "signing_keys:public:k1", "login_flows:private:k1", ""]
)
def test_a_text_moved_to_another_row_does_not_open(place: str) -> None:
    secret = RootSecret([ONE])
    sealed = secret.seal(b"text", place=PLACE)

    with pytest.raises(StartError):
        secret.open(sealed, place=place)


@pytest.mark.parametrize("at", range(0, 36, 5))
def test_a_changed_text_does_not_open(at: int) -> None:
    secret = RootSecret([ONE])
    sealed = bytearray(secret.seal(b"text", place=PLACE))
    sealed[at % len(sealed)] ^= 1

    with pytest.raises(StartError):
        secret.open(bytes(sealed), place=PLACE)


@pytest.mark.parametrize("length", [0, 3, 4, 15, 16, 31])
def test_a_truncated_text_does_not_open(length: int) -> None:
    secret = RootSecret([ONE])
    sealed = secret.seal(b"text", place=PLACE)

    with pytest.raises(StartError):
        secret.open(sealed[:length], place=PLACE)


def test_another_secret_does_not_open() -> None:
    with pytest.raises(StartError):
        RootSecret([TWO]).open(RootSecret([ONE]).seal(b"text", place=PLACE), place=PLACE)


def test_of_several_secrets_the_first_seals() -> None:
    sealed = RootSecret([ONE, TWO]).seal(b"text", place=PLACE)

    assert RootSecret([ONE]).open(sealed, place=PLACE) == b"text"


def test_of_several_secrets_all_open() -> None:
    sealed = RootSecret([TWO]).seal(b"text", place=PLACE)

    assert RootSecret([ONE, TWO]).open(sealed, place=PLACE) == b"text"


@pytest.mark.parametrize(
    "wrong", ["", "hunter2-hunter2", text(b"short"), text(ONE) + ",", "\x00", text(ONE + b"x")]
)
def test_what_is_no_secret_is_refused_without_being_shown(wrong: str) -> None:
    with pytest.raises(StartError) as refused:
        parse_secrets(wrong)

    assert not wrong or wrong not in str(refused.value)


def test_blanks_around_the_secrets_do_not_matter() -> None:
    assert parse_secrets(f" {text(ONE)} , {text(TWO)}\n") == [ONE, TWO]


async def test_the_database_is_bound_to_the_secret_it_was_made_with(storage: Storage) -> None:
    await verify_root_secret(storage, RootSecret([ONE]))

    with pytest.raises(StartError):
        await verify_root_secret(storage, RootSecret([TWO]))


async def test_the_same_secret_starts_it_again(storage: Storage) -> None:
    await verify_root_secret(storage, RootSecret([ONE]))
    await verify_root_secret(storage, RootSecret([TWO, ONE]))


@pytest.mark.parametrize("marker", ["", "x", "AAAA", "not base64"])
async def test_a_damaged_marker_stops_the_start(storage: Storage, marker: str) -> None:
    async with storage.transaction() as tx:
        await tx.markers.claim("root_secret", marker)

    with pytest.raises(StartError):
        await verify_root_secret(storage, RootSecret([ONE]))
