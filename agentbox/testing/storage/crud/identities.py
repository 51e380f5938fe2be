"""Sign-ins at other sites."""

from __future__ import annotations

import msgspec
import pytest

from agentbox.model.users import LinkedBy
from agentbox.plugin.storage import Storage
from agentbox.testing.samples import HOUR, NOON, TICK, a_user, an_identity
from agentbox.testing.storage.harness import StorageTests

FULL = an_identity(email="ada@example.org", linked_at=NOON + TICK, last_used=NOON + HOUR)

OTHERS = {
    "the site in capitals": (FULL.issuer.upper(), FULL.subject),
    "the site with a slash": (f"{FULL.issuer}/", FULL.subject),
    "the subject in capitals": (FULL.issuer, FULL.subject.upper()),
    "the subject with a space": (FULL.issuer, f"{FULL.subject} "),
    "a part of the subject": (FULL.issuer, FULL.subject[:-1]),
    "a pattern": (FULL.issuer, "%"),
    "no subject": (FULL.issuer, ""),
    "both swapped": (FULL.subject, FULL.issuer),
    "the e-mail as subject": (FULL.issuer, "ada@example.org"),
}


class IdentityTests(StorageTests):
    """Linked identities."""

    async def test_an_identity_comes_back_with_every_field(self, storage: Storage) -> None:
        bare = an_identity("bare", email=None, last_used=None)
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.identities.add(FULL)
            await tx.identities.add(bare)

        async with storage.transaction(read_only=True) as tx:
            assert await tx.identities.find(FULL.issuer, FULL.subject) == FULL
            assert await tx.identities.find(bare.issuer, bare.subject) == bare

    @pytest.mark.parametrize("key", OTHERS.values(), ids=OTHERS)
    async def test_an_identity_is_found_letter_by_letter(
        self, storage: Storage, key: tuple[str, str]
    ) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.identities.add(FULL)

            assert await tx.identities.find(*key) is None

    async def test_a_user_s_identities_are_listed_the_first_linked_first(
        self, storage: Storage
    ) -> None:
        times = {"c": NOON, "a": NOON + TICK, "b": NOON + TICK, "d": NOON - TICK}
        identities = [an_identity(id_, linked_at=time) for id_, time in times.items()]
        async with storage.transaction() as tx:
            for id_ in ("user-1", "other"):
                await tx.users.add(a_user(id_))
            for identity in [*identities, an_identity("of-other", user_id="other")]:
                await tx.identities.add(identity)

            assert [each.id for each in await tx.identities.of_user("user-1")] == list("dcab")
            assert [each.id for each in await tx.identities.of_user("other")] == ["of-other"]
            assert list(await tx.identities.of_user("nobody")) == []

    async def test_a_use_is_noted_on_that_identity_alone(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.identities.add(FULL)
            await tx.identities.add(an_identity("another"))

            assert await tx.identities.note_use(FULL.id, "new@example.org", NOON + 2 * HOUR)
            assert not await tx.identities.note_use("none", "new@example.org", NOON)

            used = msgspec.structs.replace(FULL, email="new@example.org", last_used=NOON + 2 * HOUR)
            assert list(await tx.identities.of_user("user-1")) == [an_identity("another"), used]
            assert await tx.identities.note_use(FULL.id, None, NOON)
            bare = msgspec.structs.replace(FULL, email=None, last_used=NOON)
            assert await tx.identities.find(FULL.issuer, FULL.subject) == bare

    @pytest.mark.parametrize("by", LinkedBy)
    async def test_what_a_link_was_made_by_comes_back(self, storage: Storage, by: LinkedBy) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.identities.add(an_identity(linked_by=by))

            assert list(await tx.identities.of_user("user-1")) == [an_identity(linked_by=by)]

    async def test_an_identity_is_unlinked_once(self, storage: Storage) -> None:
        """And then it is nobody's, is not listed and is not used."""
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.identities.add(FULL)
            await tx.identities.add(an_identity("another"))

        async with storage.transaction() as tx:
            assert await tx.identities.unlink(FULL.id, NOON)
            assert not await tx.identities.unlink(FULL.id, NOON + HOUR)
            assert not await tx.identities.unlink("none", NOON)

        async with storage.transaction() as tx:
            assert await tx.identities.find(FULL.issuer, FULL.subject) is None
            assert not await tx.identities.note_use(FULL.id, None, NOON + HOUR)
            assert list(await tx.identities.of_user("user-1")) == [an_identity("another")]
            assert await tx.users.get("user-1") is not None

    @pytest.mark.parametrize("by", LinkedBy)
    async def test_what_was_unlinked_is_remembered_by_what_it_was_linked(
        self, storage: Storage, by: LinkedBy
    ) -> None:
        async with storage.transaction() as tx:
            for id_ in ("user-1", "other"):
                await tx.users.add(a_user(id_))
            await tx.identities.add(an_identity(linked_by=by))
            assert await tx.identities.unlinked_of("user-1") == frozenset()
            await tx.identities.unlink("identity-1", NOON)

        async with storage.transaction(read_only=True) as tx:
            assert await tx.identities.unlinked_of("user-1") == {by}
            assert await tx.identities.unlinked_of("other") == frozenset()

    async def test_what_was_unlinked_is_remembered_whatever_is_linked_after_it(
        self, storage: Storage
    ) -> None:
        """Also if it is the same, to the same user or to another, and is taken away once more."""
        async with storage.transaction() as tx:
            for id_ in ("user-1", "user-2"):
                await tx.users.add(a_user(id_))
        email, session = LinkedBy.EMAIL, LinkedBy.SESSION
        links = [("user-1", email), ("user-1", session), ("user-2", session), ("user-1", email)]
        seen: dict[str, set[LinkedBy]] = {"user-1": set(), "user-2": set()}
        for user_id, by in links:
            link = an_identity("the same", user_id=user_id, linked_by=by)
            async with storage.transaction() as tx:
                await tx.identities.add(link)
                assert list(await tx.identities.of_user(user_id)) == [link]
                for each, before in seen.items():
                    assert await tx.identities.unlinked_of(each) == before
                assert await tx.identities.unlink(link.id, NOON)
            seen[user_id].add(by)

        async with storage.transaction(read_only=True) as tx:
            for user_id, all_of_them in seen.items():
                assert await tx.identities.unlinked_of(user_id) == all_of_them

    async def test_deleting_a_user_takes_its_identities_along(self, storage: Storage) -> None:
        """And whoever is made anew, under the same id even, has none of them."""
        async with storage.transaction() as tx:
            for id_ in ("user-1", "other"):
                await tx.users.add(a_user(id_))
                await tx.identities.add(an_identity(f"of-{id_}", user_id=id_))

        async with storage.transaction() as tx:
            await tx.users.delete("user-1")
            await tx.users.add(a_user())

            gone = an_identity("of-user-1")
            assert await tx.identities.find(gone.issuer, gone.subject) is None
            assert list(await tx.identities.of_user("user-1")) == []
            assert len(await tx.identities.of_user("other")) == 1
            await tx.identities.add(an_identity("of-user-1", user_id="other"))

    async def test_deleting_a_user_takes_along_what_was_unlinked(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            for id_ in ("user-1", "other"):
                await tx.users.add(a_user(id_))
                await tx.identities.add(an_identity(id_, user_id=id_))
                await tx.identities.unlink(id_, NOON)

        async with storage.transaction() as tx:
            await tx.users.delete("user-1")
            await tx.users.add(a_user())

            assert await tx.identities.unlinked_of("user-1") == frozenset()
            assert await tx.identities.unlinked_of("other") == {an_identity().linked_by}
