"""Texts come back as they were given, code point by code point."""

from __future__ import annotations

import pytest

from agentbox.model.access.roles import Permission
from agentbox.model.environments import EnvironmentFilter
from agentbox.model.users import UserFilter
from agentbox.plugin.storage import Page, Storage
from agentbox.testing.samples import (
    a_digest,
    a_grant,
    a_password,
    a_session,
    a_signing_key,
    a_user,
    an_api_key,
    an_entry,
    an_environment,
    an_event,
    an_identity,
)
from agentbox.testing.storage.harness import StorageTests

NASTY = {
    "empty": "",
    "quotes": "Robert'); DROP TABLE users;--\"`",
    "placeholders": "$1 ? :1 %s {0} {} %(id)s @x",
    "wildcards": "100%_\\x",
    "spaces": " \t\r\n trailing ",
    "controls": "".join(chr(code) for code in range(1, 32)) + "\x7f\x80\x9f",
    "composed": "é",
    "decomposed": "e\u0301",
    "folding": "ßẞſıİK",
    "emoji": "👩🏽‍🚀🇦🇶",
    "astral": "\U0001d51e\U0010ffff",
    "rtl": "\u202eabc\u202c مرحبا",
    "invisible": "\ufeffa\u200b\u00adb\u2028c\u2029",
    "noncharacters": "\ufffe\uffff\ufdd0",
    "json": '{"a": "\\u0041\\n"}',
    "long": "ä" * 20_000,
}


class TextTests(StorageTests):
    """Texts."""

    @pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
    async def test_columns_keep_a_text_exactly(self, storage: Storage, text: str) -> None:
        key = an_api_key(
            name=text,
            description=text,
            key_prefix=text,
            scopes=(text, "b"),
            permissions=(an_entry(text),),
            allowed_cidrs=(text,),
            rate_limit=text,
        )
        session = a_session(user_agent=text, ip=text, amr=(text,))
        event = an_event(target=text, details={"value": text, text: True})
        signing_key = a_signing_key(public_jwk={"kid": text, text: "x"})
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.passwords.put(a_password(password_hash=text))
            await tx.api_keys.add(key, a_digest())
            await tx.sessions.add(session)
            await tx.audit.add(event)
            await tx.signing_keys.add(signing_key)
            await tx.markers.claim(f"name{text[:200]}", text)

        async with storage.transaction(read_only=True) as tx:
            assert await tx.passwords.get("user-1") == a_password(password_hash=text)
            assert await tx.api_keys.get("key-1") == key
            assert await tx.sessions.get("session-1") == session
            assert list(await tx.audit.last(1)) == [event]
            assert list(await tx.signing_keys.list()) == [signing_key]
            assert await tx.markers.get(f"name{text[:200]}") == text

    @pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
    async def test_an_environment_keeps_a_text_exactly(self, storage: Storage, text: str) -> None:
        short = text[:200]  # what can be searched is indexed, and indexes take no long texts
        environment = an_environment(
            name=short,
            image=text,
            resources={text: text},
            labels={short: short, f"{short}.": ""},
            orchestration={text: [text, {text: None}]},
        )
        grant = a_grant(granted_by=text)
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.environments.add(environment)
            await tx.grants.add(grant)

        async with storage.transaction(read_only=True) as tx:
            seen = (environment, Permission.VIEWER)
            assert await tx.environments.get(environment.id, "user-1") == seen
            assert await tx.grants.get("user-1", environment.id) == grant
            for where in (
                EnvironmentFilter(label=(short, short)),
                EnvironmentFilter(search=short, granted_to="user-1"),
                EnvironmentFilter(search=short, label=(f"{short}.", "")),
            ):
                assert list(await tx.environments.list(where, Page(9), "user-1")) == [seen]

    @pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
    async def test_an_identity_is_found_by_a_text_exactly(
        self, storage: Storage, text: str
    ) -> None:
        short = text[:200]  # the key is indexed
        by_subject = an_identity("1", subject=short, provider=text, email=text)
        by_issuer = an_identity("2", issuer=short, subject=short)
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.identities.add(by_subject)
            await tx.identities.add(by_issuer)

            assert await tx.identities.find(by_subject.issuer, short) == by_subject
            assert await tx.identities.find(short, short) == by_issuer

    async def test_a_composed_and_a_decomposed_subject_are_two(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            for name in ("composed", "decomposed"):
                await tx.identities.add(an_identity(name, subject=NASTY[name]))
            found = [
                await tx.identities.find(an_identity().issuer, NASTY[name])
                for name in ("composed", "decomposed")
            ]

        assert [identity and identity.id for identity in found] == ["composed", "decomposed"]

    @pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
    async def test_a_search_of_environments_takes_a_text_as_it_is(
        self, storage: Storage, text: str
    ) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.environments.add(an_environment(name="plain-name"))
            assert await tx.environments.count(EnvironmentFilter(search=text)) == (
                text in "plain-name"
            )

    async def test_composed_and_decomposed_labels_are_two(self, storage: Storage) -> None:
        labels = {NASTY["composed"]: "1", NASTY["decomposed"]: "2"}
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.environments.add(an_environment(labels=labels))
            counts = [
                await tx.environments.count(EnvironmentFilter(label=(name, value)))
                for name in labels
                for value in "12"
            ]

        assert counts == [1, 0, 0, 1]

    @pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 0, True, None, 1.5, "1"], ids=repr)
    async def test_orchestration_keeps_types_apart(self, storage: Storage, value: object) -> None:
        environment = an_environment(orchestration={"value": value, "list": [value]})
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.environments.add(environment)
            seen = await tx.environments.get(environment.id, "user-1")

        assert seen is not None
        kept = seen.environment.orchestration
        assert kept == environment.orchestration
        assert type(kept["value"]) is type(kept["list"][0]) is type(value)

    @pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
    async def test_a_search_takes_a_text_as_it_is(self, storage: Storage, text: str) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user(username="plain-name"))
            found = await tx.users.list(UserFilter(search=text), Page(9))

        assert [user.id for user in found] == (["user-1"] if text in "plain-name" else [])

    @pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 0, True, False], ids=str)
    async def test_details_keep_numbers_and_truths_apart(
        self, storage: Storage, value: int | bool
    ) -> None:
        async with storage.transaction() as tx:
            await tx.audit.add(an_event(details={"value": value}))
            (event,) = await tx.audit.last(1)

        assert event.details == {"value": value}
        assert type(event.details["value"]) is type(value)
