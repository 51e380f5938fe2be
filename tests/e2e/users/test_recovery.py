"""A reset: the secret, the one login it is good for, and the change that has to follow."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.backend import database_in
from tests.e2e.people import People, Person
from tests.live import USER_PASSWORD, Answer, Caller, Live, ShiftedClock
from tests.scale import scaled

NEW = "granite-violet-harbour-93"


async def reset(people: People, somebody: Person | str) -> str:
    """A new secret for somebody."""
    path = somebody if isinstance(somebody, str) else somebody.path
    answer = await people.first.caller.post(f"{path}/reset-password")
    assert answer.status == 201, answer.text
    return str(answer.body["secret"])


async def login(live: Live, username: str, password: str) -> Answer:
    return await live.anonymous.post("/auth/login", {"username": username, "password": password})


async def restricted(live: Live, people: People) -> Caller:
    """Somebody who signed in by a reset secret."""
    secret = await reset(people, people.other_user)
    answer = await login(live, people.other_user.username, secret)
    assert answer.status == 200, answer.text
    return live.with_token(answer.body["token"])


async def test_the_answer_holds_the_secret_and_its_end(people: People, clock: ShiftedClock) -> None:
    answer = await people.admin.caller.post(f"{people.other_user.path}/reset-password")
    ends = datetime.fromisoformat(answer.body["expires_at"])

    assert answer.status == 201
    assert set(answer.body) == {"secret", "expires_at"}
    assert len(answer.body["secret"]) == 40
    assert answer.headers["Cache-Control"] == "no-store"
    assert timedelta(minutes=59) < ends - clock.now() <= timedelta(hours=1)


async def test_the_old_password_and_sessions_end_and_keys_go_on(live: Live, people: People) -> None:
    # PW-10, JWT-11
    somebody = people.other_user
    key = live.with_key(await somebody.key())
    await reset(people, somebody)

    assert (await somebody.caller.get("/auth/me")).status == 401
    assert (await login(live, somebody.username, USER_PASSWORD)).error == "invalid_credentials"
    assert (await key.get("/auth/me")).status == 200
    record = (await people.first.caller.get(somebody.path)).body
    assert record["password_change_required"] is True


async def test_the_secret_signs_in_and_says_that_it_must_be_changed(
    live: Live, people: People
) -> None:
    # PW-10
    secret = await reset(people, people.other_user)
    answer = await login(live, people.other_user.username, secret)

    assert answer.status == 200
    assert answer.body["user"]["password_change_required"] is True
    me = (await live.with_token(answer.body["token"]).get("/auth/me")).body
    assert me["auth"]["restrictions"] == ["password_change_required"]


async def test_the_session_is_for_the_change_alone(live: Live, people: People) -> None:
    # PW-10
    caller = await restricted(live, people)
    for method, path in (
        ("GET", people.other_user.path),
        ("PATCH", people.other_user.path),
        ("GET", "/api-keys"),
        ("POST", "/api-keys"),
        ("GET", "/auth/sessions"),
        ("DELETE", "/auth/sessions"),
        ("DELETE", "/auth/sessions/x"),
        ("GET", "/users"),
    ):
        answer = await caller.request(method, path)
        assert (answer.status, answer.error) == (403, "password_change_required"), path

    assert (await caller.post("/auth/change-password", {"new_password": NEW})).status == 204
    assert (await caller.get("/api-keys")).status == 200
    assert "password_change_required" not in (await caller.get("/auth/me")).body
    assert (await login(live, people.other_user.username, NEW)).status == 200


async def test_the_session_may_end_instead(live: Live, people: People) -> None:
    caller = await restricted(live, people)

    assert (await caller.post("/auth/logout")).status == 204
    assert (await caller.get("/auth/me")).status == 401


async def test_the_new_password_is_judged_like_any_other(live: Live, people: People) -> None:
    # PW-04
    caller = await restricted(live, people)

    answer = await caller.post("/auth/change-password", {"new_password": "passwordpassword"})

    assert (answer.status, answer.error) == (422, "weak_password")
    assert (await caller.get("/users")).error == "password_change_required"


async def test_it_never_works_twice(live: Live, people: People) -> None:
    # PW-10
    secret = await reset(people, people.other_user)
    name = people.other_user.username

    answers = [await login(live, name, secret) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 401, 401]
    caller = live.with_token(answers[0].body["token"])
    await caller.post("/auth/change-password", {"new_password": NEW})
    assert (await login(live, name, secret)).error == "invalid_credentials"


async def test_of_twenty_at_once_one_signs_in(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    # PW-10
    somebody = people.other_user
    for _ in range(scaled(2)):
        secret = await reset(people, somebody)
        answers = await asyncio.gather(*(login(live, somebody.username, secret) for _ in range(20)))
        statuses = [answer.status for answer in answers]

        assert statuses.count(200) == 1
        # Too many hashes at once are told as such, and those who came late have failed.
        assert set(statuses) <= {200, 401, 429, 503}
        sessions = (await people.first.caller.get(f"{somebody.path}/sessions")).body
        assert sessions["total"] == 1
        assert (await people.first.caller.post(f"{somebody.path}/unlock")).status == 200
        assert (await login(live, somebody.username, secret)).status == 401
        clock.advance(16 * 60)  # unlocking frees the account, not the address they all came from


async def test_it_is_over_after_an_hour(live: Live, people: People, clock: ShiftedClock) -> None:
    # PW-10
    somebody = people.other_user
    late, early = await reset(people, somebody), await reset(people, people.other_viewer)
    clock.advance(59 * 60)
    assert (await login(live, people.other_viewer.username, early)).status == 200

    clock.advance(61)

    answer = await login(live, somebody.username, late)
    assert (answer.status, answer.error) == (401, "invalid_credentials")


async def test_a_second_reset_replaces_the_first(live: Live, people: People) -> None:
    # PW-10
    name = people.other_user.username
    first = await reset(people, people.other_user)
    second = await reset(people, people.other_user)

    assert (await login(live, name, first)).status == 401
    assert (await login(live, name, second)).status == 200


async def test_a_reset_ends_the_session_of_the_one_before(live: Live, people: People) -> None:
    caller = await restricted(live, people)
    await reset(people, people.other_user)

    assert (await caller.post("/auth/change-password", {"new_password": NEW})).status == 401


async def test_a_password_set_by_an_admin_makes_it_void(live: Live, people: People) -> None:
    # PW-10
    somebody = people.other_user
    secret = await reset(people, somebody)
    await people.admin.caller.put(somebody.path, {"password": NEW})

    assert (await login(live, somebody.username, secret)).status == 401
    answer = await login(live, somebody.username, NEW)
    assert "password_change_required" not in answer.body["user"]


async def test_one_who_never_had_a_password_gets_in_by_it(live: Live, people: People) -> None:
    made = await people.first.caller.post("/users", {"username": "ada"})
    secret = await reset(people, f"/users/{made.body['id']}")

    caller = await live.sign_in("ada", secret)
    assert (await caller.post("/auth/change-password", {"new_password": NEW})).status == 204
    await live.sign_in("ada", NEW)


async def test_it_opens_no_other_account(live: Live, people: People) -> None:
    secret = await reset(people, people.other_user)

    for name in (people.user.username, people.first.username, "nobody"):
        assert (await login(live, name, secret)).error == "invalid_credentials"


async def test_a_disabled_one_does_not_get_in_by_it(live: Live, people: People) -> None:
    # PW-01
    somebody = people.other_user
    secret = await reset(people, somebody)
    await people.first.caller.post(f"{somebody.path}/disable")
    assert (await login(live, somebody.username, secret)).error == "invalid_credentials"

    await people.first.caller.post(f"{somebody.path}/enable")
    assert (await login(live, somebody.username, secret)).status == 200


@pytest.mark.parametrize("place", ["bearer", "key"])
async def test_the_secret_is_no_credential(live: Live, people: People, place: str) -> None:
    secret = await reset(people, people.other_user)
    caller = live.with_token(secret) if place == "bearer" else live.with_key(secret)

    assert (await caller.get("/auth/me")).error == "invalid_token"


async def test_it_is_no_current_password(live: Live, people: People) -> None:
    other = await live.sign_in(people.other_user.username)
    secret = await reset(people, people.user)
    body = {"current_password": secret, "new_password": NEW}

    assert (await other.post("/auth/change-password", body)).error == "invalid_password"


async def test_whoever_is_asked_about_one_hash_is_made(live: Live, people: People) -> None:
    # PW-02
    await reset(people, people.other_user)
    made = await people.first.caller.post("/users", {"username": "without.password"})
    assert made.status == 201
    counters = live.runtime.counters

    for name in (people.other_user.username, people.user.username, "without.password", "nobody"):
        before = hashes(counters.snapshot())
        answer = await login(live, name, "abreset_" + "x" * 32)
        assert (answer.status, answer.error) == (401, "invalid_credentials")
        assert hashes(counters.snapshot()) - before == 1


def hashes(counts: object) -> int:
    assert isinstance(counts, dict)
    return sum(number for name, number in counts.items() if name.endswith("hashes"))


async def test_neither_the_audit_nor_the_log_has_the_secret(
    live: Live, people: People, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # OB-01
    secret = await reset(people, people.other_user)
    await login(live, people.other_user.username, secret)
    await login(live, people.other_user.username, secret)
    async with live.runtime.storage.transaction(read_only=True) as tx:
        rows = await tx.audit.last(100)
    files = database_in(tmp_path).content()
    said = capsys.readouterr()

    assert {"user.password_reset", "session.begin"} <= {row.event for row in rows}
    assert secret not in repr(rows)
    assert secret.encode() not in files
    assert secret not in said.out + said.err


# --- unlock -------------------------------------------------------------------------------------


async def test_unlocking_is_audited_and_leaves_the_record(live: Live, people: People) -> None:
    before = (await people.admin.caller.get(people.other_user.path)).body

    answer = await people.admin.caller.post(f"{people.other_user.path}/unlock")

    assert (answer.status, answer.body) == (200, before)
    async with live.runtime.storage.transaction(read_only=True) as tx:
        (row,) = await tx.audit.last(1)
    assert (row.event, row.actor, row.target) == (
        "user.unlock",
        f"user:{people.admin.id}",
        f"user:{people.other_user.id}",
    )


async def test_unlocking_lets_a_throttled_user_in_at_once(live: Live, people: People) -> None:
    # PW-09
    somebody = people.other_user
    for _ in range(10):
        assert (await login(live, somebody.username, "wrong")).status == 401
    assert (await login(live, somebody.username, USER_PASSWORD)).status == 429

    await people.admin.caller.post(f"{somebody.path}/unlock")

    assert (await login(live, somebody.username, USER_PASSWORD)).status == 200
