"""What is put in comes out again, field by field."""

from __future__ import annotations

import msgspec

from agentbox.model.access.roles import Permission, Role
from agentbox.model.jobs import JobState, Lease
from agentbox.model.users import PasswordRecord, Status
from agentbox.plugin.storage import Page, Storage
from agentbox.testing.samples import (
    HOUR,
    NOON,
    TICK,
    a_digest,
    a_login_flow,
    a_password,
    a_session,
    a_signing_key,
    a_user,
    an_api_key,
    an_event,
)
from agentbox.testing.storage.harness import StorageTests

FULL_USER = a_user(
    username="Ada.Lovelace",
    email="ada@example.org",
    email_verified=True,
    role=Role.SUPER_ADMIN,
    status=Status.SUSPENDED,
    password_change_required=True,
    updated_at=NOON + TICK,
    last_login=NOON + HOUR,
    organization_id="elsewhere",
)


class CrudTests(StorageTests):
    """Each store adds, gives back, changes and removes."""

    async def test_a_user_comes_back_with_every_field(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(FULL_USER)

        async with storage.transaction(read_only=True) as tx:
            assert await tx.users.get(FULL_USER.id) == FULL_USER

    async def test_a_user_is_found_by_its_canonical_names(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(FULL_USER)
            assert await tx.users.by_username("ada.lovelace") == FULL_USER
            assert await tx.users.by_email("ada@example.org") == FULL_USER
            assert await tx.users.by_username("ada") is None
            assert await tx.users.by_email("ada@example.com") is None
            assert await tx.users.get("nobody") is None

    async def test_replacing_a_user_writes_the_whole_record(self, storage: Storage) -> None:
        changed = msgspec.structs.replace(FULL_USER, username="Countess", email=None)
        async with storage.transaction() as tx:
            await tx.users.add(a_user(FULL_USER.id))
            assert await tx.users.replace(changed)
            assert await tx.users.get(FULL_USER.id) == changed
            assert await tx.users.by_username("countess") == changed
            assert not await tx.users.replace(a_user("nobody"))

    async def test_a_login_is_noted_on_active_users_alone(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user("active"))
            await tx.users.add(a_user("resting", status=Status.INACTIVE))

            assert await tx.users.note_login("active", NOON + HOUR)
            assert not await tx.users.note_login("resting", NOON + HOUR)
            assert not await tx.users.note_login("nobody", NOON + HOUR)

            assert await tx.users.get("active") == a_user("active", last_login=NOON + HOUR)
            assert await tx.users.get("resting") == a_user("resting", status=Status.INACTIVE)

    async def test_deleting_a_user_takes_all_that_hangs_on_it(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            for id_ in ("user-1", "other"):
                await tx.users.add(a_user(id_))
                await tx.passwords.put(a_password(id_))
                await tx.sessions.add(a_session(f"session-of-{id_}", user_id=id_))
                key_id = f"key-of-{id_}"
                await tx.api_keys.add(an_api_key(key_id, user_id=id_), a_digest(key_id))

        async with storage.transaction() as tx:
            assert await tx.users.delete("user-1")
            assert not await tx.users.delete("user-1")

        async with storage.transaction(read_only=True) as tx:
            assert await tx.users.get("user-1") is None
            assert await tx.passwords.get("user-1") is None
            assert await tx.sessions.get("session-of-user-1") is None
            assert await tx.api_keys.get("key-of-user-1") is None
            assert await tx.passwords.get("other") is not None
            assert await tx.sessions.get("session-of-other") is not None
            assert await tx.api_keys.get("key-of-other") is not None

    async def test_a_password_hash_is_put_and_put_again(self, storage: Storage) -> None:
        later = PasswordRecord("user-1", "$argon2id$sample$two", NOON + HOUR)
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            assert await tx.passwords.get("user-1") is None
            await tx.passwords.put(a_password())
            assert await tx.passwords.get("user-1") == a_password()
            await tx.passwords.put(later)
            assert await tx.passwords.get("user-1") == later

    async def test_a_hash_is_upgraded_only_while_it_is_the_old_one(self, storage: Storage) -> None:
        old = a_password().password_hash
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.passwords.put(a_password())
            assert await tx.passwords.upgrade("user-1", old, "new")
            assert not await tx.passwords.upgrade("user-1", old, "newer")
            assert await tx.passwords.get("user-1") == PasswordRecord("user-1", "new", NOON)

    async def test_a_password_hash_is_deleted_once(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            for id_ in ("user-1", "other"):
                await tx.users.add(a_user(id_))
                await tx.passwords.put(a_password(id_))
            assert await tx.passwords.delete("user-1")
            assert not await tx.passwords.delete("user-1")
            assert await tx.passwords.get("user-1") is None
            assert await tx.passwords.get("other") == a_password("other")

    async def test_a_session_comes_back_with_every_field(self, storage: Storage) -> None:
        session = a_session(
            amr=("pwd", "otp"), ended_at=NOON + TICK, ip="192.0.2.1", user_agent="curl/8"
        )
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.sessions.add(session)
            await tx.sessions.add(a_session("plain", amr=()))
            assert await tx.sessions.get(session.id) == session
            assert await tx.sessions.get("plain") == a_session("plain", amr=())
            assert await tx.sessions.get("none") is None

    async def test_a_session_ends_once_and_stays_ended(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.sessions.add(a_session())
            assert await tx.sessions.end("session-1", NOON + TICK)
            assert not await tx.sessions.end("session-1", NOON + HOUR)
            assert not await tx.sessions.end("none", NOON)
            assert await tx.sessions.get("session-1") == a_session(ended_at=NOON + TICK)

    async def test_all_sessions_of_a_user_end_but_the_one_to_keep(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.users.add(a_user("other"))
            for id_ in ("one", "two", "kept"):
                await tx.sessions.add(a_session(id_))
            await tx.sessions.add(a_session("ended", ended_at=NOON))
            await tx.sessions.add(a_session("elsewhere", user_id="other"))

            assert await tx.sessions.end_all("user-1", NOON + TICK, keep="kept") == 2

            assert await tx.sessions.get("one") == a_session("one", ended_at=NOON + TICK)
            assert await tx.sessions.get("kept") == a_session("kept")
            assert await tx.sessions.get("ended") == a_session("ended", ended_at=NOON)
            assert await tx.sessions.get("elsewhere") == a_session("elsewhere", user_id="other")
            assert await tx.sessions.end_all("user-1", NOON + TICK) == 1

    async def test_live_sessions_of_a_user_are_listed_newest_first(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.users.add(a_user("other"))
            for id_ in ("one", "two", "three"):
                await tx.sessions.add(a_session(id_))
            await tx.sessions.add(a_session("newest", created_at=NOON + TICK))
            await tx.sessions.add(a_session("ended", ended_at=NOON))
            await tx.sessions.add(a_session("expired", expires_at=NOON + TICK))
            await tx.sessions.add(a_session("elsewhere", user_id="other"))

        async def listed(page: Page) -> list[str]:
            async with storage.transaction(read_only=True) as tx:
                return [each.id for each in await tx.sessions.list("user-1", NOON + TICK, page)]

        assert await listed(Page(9)) == ["newest", "two", "three", "one"]
        assert await listed(Page(2, offset=1)) == ["two", "three"]
        assert await listed(Page(9, after=(NOON, "two"))) == ["three", "one"]
        assert await listed(Page(1, 1, after=(NOON + TICK, "newest"))) == ["three"]
        assert await listed(Page(9, after=(NOON, "one"))) == []
        async with storage.transaction(read_only=True) as tx:
            assert await tx.sessions.count("user-1", NOON + TICK) == 4
            assert await tx.sessions.count("user-1", NOON + HOUR) == 0
            assert await tx.sessions.list("other", NOON, Page(9)) == [
                a_session("elsewhere", user_id="other")
            ]

    async def test_a_login_flow_is_taken_once(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.login_flows.add(a_login_flow())
            assert await tx.login_flows.take("flow-1", NOON) == a_login_flow()
            assert await tx.login_flows.take("flow-1", NOON) is None

    async def test_an_expired_login_flow_is_not_taken(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.login_flows.add(a_login_flow())
            assert await tx.login_flows.take("flow-1", NOON + HOUR) is None

    async def test_an_api_key_comes_back_with_every_field(self, storage: Storage) -> None:
        key = an_api_key(
            description="for the robot",
            scopes=("users:read", "a:b"),
            all_environments=Permission.OWNER,
            expires_at=NOON + HOUR,
            last_used=NOON + TICK,
            revoked_at=NOON + TICK,
            organization_id="elsewhere",
        )
        bare = an_api_key("bare", name=None, scopes=(), all_environments=None)
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.api_keys.add(key, a_digest())
            await tx.api_keys.add(bare, a_digest("bare"))
            assert await tx.api_keys.get(key.id) == key
            assert await tx.api_keys.get("bare") == bare
            assert await tx.api_keys.digest(key.id) == a_digest()
            assert await tx.api_keys.get("none") is None
            assert await tx.api_keys.digest("none") is None

    async def test_an_api_key_is_revoked_once(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.api_keys.add(an_api_key(), a_digest())
            assert await tx.api_keys.revoke("key-1", NOON + TICK)
            assert not await tx.api_keys.revoke("key-1", NOON + HOUR)
            assert await tx.api_keys.get("key-1") == an_api_key(revoked_at=NOON + TICK)

    async def test_last_uses_move_forwards_on_live_keys_alone(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            for id_ in ("new", "used", "revoked"):
                await tx.api_keys.add(an_api_key(id_), a_digest(id_))
            await tx.api_keys.touch({"used": NOON + HOUR})
            await tx.api_keys.revoke("revoked", NOON)

            await tx.api_keys.touch({})
            await tx.api_keys.touch(
                {"new": NOON + TICK, "used": NOON + TICK, "revoked": NOON + TICK, "none": NOON}
            )

            assert await tx.api_keys.get("new") == an_api_key("new", last_used=NOON + TICK)
            assert await tx.api_keys.get("used") == an_api_key("used", last_used=NOON + HOUR)
            assert await tx.api_keys.get("revoked") == an_api_key("revoked", revoked_at=NOON)

    async def test_signing_keys_are_listed_oldest_first(self, storage: Storage) -> None:
        newer = a_signing_key("a", created_at=NOON + TICK, retired_at=NOON + HOUR)
        async with storage.transaction() as tx:
            await tx.signing_keys.add(newer)
            await tx.signing_keys.add(a_signing_key("b"))
            assert list(await tx.signing_keys.list()) == [a_signing_key("b"), newer]

    async def test_the_audit_gives_first_what_was_added_last(self, storage: Storage) -> None:
        """Neither ids nor times have that order."""
        bare = an_event(
            "b", time=NOON + TICK, target=None, address=None, request_id=None, details={}
        )
        async with storage.transaction() as tx:
            await tx.audit.add(bare)
            await tx.audit.add(an_event("c", result="denied", organization_id="elsewhere"))
            await tx.audit.add(an_event("a", time=NOON - HOUR))
            assert [event.id for event in await tx.audit.last(2)] == ["a", "c"]
            assert (await tx.audit.last(9))[1].organization_id == "elsewhere"
            assert (await tx.audit.last(9))[2] == bare

    async def test_a_job_is_added_once_and_claimed_when_it_is_due(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.jobs.ensure("job", NOON)
            await tx.jobs.ensure("job", NOON + HOUR)
            idle = JobState(name="job", next_due=NOON, lease_until=None, fence=0)
            assert await tx.jobs.get("job") == idle
            assert await tx.jobs.get("none") is None

            assert await tx.jobs.claim("job", NOON - TICK, NOON + HOUR) is None
            assert await tx.jobs.claim("none", NOON, NOON + HOUR) is None
            assert await tx.jobs.claim("job", NOON, NOON + HOUR) == Lease("job", 1)
            assert await tx.jobs.claim("job", NOON + TICK, NOON + HOUR) is None

    async def test_a_lease_that_ran_out_goes_to_the_next(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.jobs.ensure("job", NOON)
            first = await tx.jobs.claim("job", NOON, NOON + HOUR)
            second = await tx.jobs.claim("job", NOON + HOUR, NOON + 2 * HOUR)
            assert (first, second) == (Lease("job", 1), Lease("job", 2))
            assert first is not None
            assert second is not None

            assert not await tx.jobs.finish(first, NOON + 9 * HOUR)
            assert await tx.jobs.finish(second, NOON + 5 * HOUR)

            state = JobState(name="job", next_due=NOON + 5 * HOUR, lease_until=None, fence=2)
            assert await tx.jobs.get("job") == state

    async def test_a_marker_is_written_once(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            assert await tx.markers.get("made-by") is None
            assert await tx.markers.claim("made-by", "me")
            assert not await tx.markers.claim("made-by", "you")
            assert await tx.markers.get("made-by") == "me"
