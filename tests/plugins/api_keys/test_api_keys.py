"""Which API keys are recognised, which hold, and what the database gets to see."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import pytest

from agentbox.errors import ExpiredCredential, InvalidCredential
from agentbox.model.evidence import NO_LIMIT, Credential, SubjectRef
from agentbox.model.formats.api_key import CHECKSUM_LENGTH, KeyFormat, NewKey, checksum
from agentbox.model.secret import Secret
from agentbox_apikey.authenticator import ApiKeyAuthenticator
from tests.backend import Database
from tests.plugins.rows import add_key
from tests.plugins.stand_in import START, StandInServices


def bearer(text: str) -> Credential:
    return Credential("bearer", Secret(text))


@pytest.fixture
async def key(services: StandInServices, storage: Any, authenticator: Any) -> NewKey:
    new = services.api_key_format.generate()
    await add_key(storage, new)
    return new


@pytest.mark.parametrize("scheme", ["bearer", "api_key"])
async def test_a_key_is_recognised_as_its_owner_in_either_header(
    authenticator: ApiKeyAuthenticator, key: NewKey, scheme: Literal["bearer", "api_key"]
) -> None:
    credential = Credential(scheme, key.text)
    assert authenticator.recognises(credential)
    answer = await authenticator.authenticate(credential)
    assert answer.subject == SubjectRef("user", "u1")
    assert (answer.credential.kind, answer.credential.id) == ("api_key", key.id)
    assert answer.credential.authenticator_id == "the-instance"


async def test_a_key_is_no_session_and_its_limits_are_the_cores(
    authenticator: ApiKeyAuthenticator, key: NewKey
) -> None:
    answer = await authenticator.authenticate(bearer(key.text.reveal()))
    assert (answer.session_id, answer.auth_time, answer.amr) == (None, None, ())
    assert answer.scope_limit is NO_LIMIT
    assert answer.environment_limit is NO_LIMIT


@pytest.mark.parametrize("after", [timedelta(days=1), timedelta(days=-1), None])
async def test_the_expiry_is_reported_for_the_core_to_judge(
    authenticator: ApiKeyAuthenticator, storage: Any, after: timedelta | None
) -> None:
    expires_at = None if after is None else START + after
    new = KeyFormat("ak_live_").generate()
    await add_key(storage, new, expires_at=expires_at)
    answer = await authenticator.authenticate(bearer(new.text.reveal()))
    assert answer.credential.expires_at == expires_at


async def test_a_key_with_an_accepted_old_prefix_holds(
    authenticator: ApiKeyAuthenticator, storage: Any
) -> None:  # AK-01
    old = KeyFormat("ak_old_").generate()
    await add_key(storage, old)
    assert authenticator.recognises(bearer(old.text.reveal()))
    assert await authenticator.authenticate(bearer(old.text.reveal()))


@pytest.mark.parametrize(
    "text",
    ["", " ", "ak_test_x", "AK_LIVE_x", " ak_live_x", "eyJhbGciOiJIUzI1NiJ9.e30.x", "é", "\x00"],
)
def test_what_does_not_start_as_a_key_does_is_not_ours(
    authenticator: ApiKeyAuthenticator, text: str
) -> None:
    assert not authenticator.recognises(bearer(text))


async def test_every_changed_character_is_refused_without_a_read(
    authenticator: ApiKeyAuthenticator, services: StandInServices, key: NewKey
) -> None:  # AK-01
    text = key.text.reveal()
    for place in range(len("ak_live_"), len(text)):
        other = "b" if text[place] == "a" else "a"
        with pytest.raises(InvalidCredential, match="malformed"):
            await authenticator.authenticate(bearer(text[:place] + other + text[place + 1 :]))
    assert services.storage.transactions == 0


@pytest.mark.parametrize(
    "tail",
    ["", "_", "x", "0" * 62, "0" * 12 + "_" + "0" * 49, "é" * 62, "\x00" * 62, "0" * 100_000, " "],
    ids=lambda tail: repr(tail)[:20],
)
async def test_a_malformed_key_is_refused_without_a_read(
    authenticator: ApiKeyAuthenticator, services: StandInServices, tail: str
) -> None:  # AK-01
    with pytest.raises(InvalidCredential, match="malformed"):
        await authenticator.authenticate(bearer("ak_live_" + tail))
    assert services.storage.transactions == 0


@pytest.mark.parametrize("change", ["{}0", "{} ", "{}\n", "{}=", "{0}{0}"])
async def test_an_extended_key_is_refused(
    authenticator: ApiKeyAuthenticator, key: NewKey, change: str
) -> None:  # AK-01
    with pytest.raises(InvalidCredential, match="malformed"):
        await authenticator.authenticate(bearer(change.format(key.text.reveal())))


async def test_a_truncated_key_is_refused(authenticator: ApiKeyAuthenticator, key: NewKey) -> None:
    for length in range(8, len(key.text.reveal())):
        with pytest.raises(InvalidCredential, match="malformed"):
            await authenticator.authenticate(bearer(key.text.reveal()[:length]))


async def test_a_well_formed_key_that_nobody_made_is_unknown(
    authenticator: ApiKeyAuthenticator, key: NewKey
) -> None:
    with pytest.raises(InvalidCredential, match="unknown"):
        await authenticator.authenticate(bearer(KeyFormat("ak_live_").generate().text.reveal()))


def with_other_secret(key: NewKey, place: int) -> str:
    body = key.text.reveal()[:-CHECKSUM_LENGTH]
    other = "b" if body[place] == "a" else "a"
    body = body[:place] + other + body[place + 1 :]
    return body + checksum(body)


@pytest.mark.parametrize("place", [21, 22, 40, 62, 63])
async def test_a_right_id_with_another_secret_and_its_checksum_is_refused(
    authenticator: ApiKeyAuthenticator, key: NewKey, place: int
) -> None:  # AK-01
    with pytest.raises(InvalidCredential, match="digest"):
        await authenticator.authenticate(bearer(with_other_secret(key, place)))


async def test_a_key_under_another_accepted_prefix_is_another_key(
    authenticator: ApiKeyAuthenticator, key: NewKey
) -> None:  # AK-01
    body = key.text.reveal().replace("ak_live_", "ak_old_")[:-CHECKSUM_LENGTH]
    with pytest.raises(InvalidCredential, match="digest"):
        await authenticator.authenticate(bearer(body + checksum(body)))


async def test_a_revoked_key_is_still_somebodys_and_the_core_refuses_it(
    authenticator: ApiKeyAuthenticator, storage: Any, key: NewKey
) -> None:
    async with storage.transaction() as tx:
        assert await tx.api_keys.revoke(key.id, START)
    answer = await authenticator.authenticate(bearer(key.text.reveal()))
    assert not isinstance(answer, ExpiredCredential)
    assert answer.credential.id == key.id


async def test_judging_a_key_costs_one_transaction(
    authenticator: ApiKeyAuthenticator, services: StandInServices, key: NewKey
) -> None:
    await authenticator.authenticate(bearer(key.text.reveal()))
    assert services.storage.transactions == 1


async def test_no_file_of_the_database_holds_the_secret(
    database: Database, key: NewKey
) -> None:  # AK-01
    secret = key.text.reveal()[len("ak_live_") + 13 : -CHECKSUM_LENGTH].encode()
    contents = database.content()
    assert key.id.encode() in contents
    assert secret not in contents


async def test_a_refusal_holds_nothing_of_the_key(
    authenticator: ApiKeyAuthenticator, key: NewKey
) -> None:
    with pytest.raises(InvalidCredential) as caught:
        await authenticator.authenticate(bearer(with_other_secret(key, 40)))
    assert key.id not in repr(caught.value)
