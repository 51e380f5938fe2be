"""What is refused stands in the audit: by whom, what, from where, and never what was typed."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.audit.reading import listed
from tests.e2e.people import People, Template
from tests.live import USER_PASSWORD, Live, ShiftedClock, live_server


async def login(live: Live, username: str, password: str) -> int:
    body = {"username": username, "password": password}
    return (await live.anonymous.post("/auth/login", body)).status


async def test_a_wrong_password_names_the_user_and_why(live: Live, people: People) -> None:
    # OB-04: every login failure
    assert await login(live, people.user.username, "not-this-one") == 401

    (row,) = await listed(live, people.first.caller, event="login.refuse")
    assert row["actor"] == f"user:{people.user.id}"
    assert row["details"] == {"reason": "password"}
    assert (row["result"], row["address"]) == ("denied", "127.0.0.1")


async def test_a_name_of_nobody_is_not_kept(live: Live, people: People) -> None:
    """People type passwords there."""
    # OB-01, in the audit
    assert await login(live, "hunter2-is-my-password", "x") == 401

    rows = await listed(live, people.first.caller, event="login.refuse")
    assert [(row["actor"], row["details"]) for row in rows] == [
        ("anonymous", {"reason": "nobody_knows_it"})
    ]
    assert "hunter2" not in str(await listed(live, people.first.caller))


async def test_a_login_of_somebody_disabled_says_so(live: Live, people: People) -> None:
    await people.super_admin.caller.post(f"{people.user.path}/disable")
    assert await login(live, people.user.username, USER_PASSWORD) == 401
    (row,) = await listed(live, people.first.caller, event="login.refuse")
    assert (row["actor"], row["details"]) == (f"user:{people.user.id}", {"reason": "inactive"})


async def test_a_throttled_login_says_so(live: Live, people: People) -> None:
    # OB-04: every throttle
    for name in (people.user.username, "hunter2-is-my-password"):
        while (status := await login(live, name, "not-this-one")) != 429:
            assert status == 401

    rows = await listed(live, people.first.caller, event="login.refuse")
    throttled = {row["actor"] for row in rows if row["details"]["reason"] == "throttled"}
    assert throttled == {f"user:{people.user.id}", "anonymous"}


async def test_guessing_is_one_row_with_a_count(live: Live, people: People) -> None:
    for _ in range(3):
        await login(live, people.user.username, "not-this-one")

    rows = await listed(live, people.first.caller, event="login.refuse")
    assert sum(row["details"].get("count", 1) for row in rows) == 3


async def test_guesses_that_are_throttled_name_the_user(live: Live, people: People) -> None:
    # OB-04: throttle
    statuses = [await login(live, people.user.username, "not-this-one") for _ in range(11)]
    assert statuses[-1] == 429

    row = (await listed(live, people.first.caller, event="login.refuse"))[0]
    assert row["actor"] == f"user:{people.user.id}"
    assert row["details"]["reason"] == "throttled"


async def test_a_refresh_token_that_is_used_again_says_so(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    body = {"username": people.user.username, "password": USER_PASSWORD}
    token = (await live.anonymous.post("/auth/login", body)).body["refresh_token"]
    for _ in range(2):
        await live.anonymous.post("/auth/refresh", {"refresh_token": token})
        clock.advance(60)

    (row,) = await listed(live, people.first.caller, event="session.reuse")
    assert row["actor"] == f"user:{people.user.id}"
    assert await listed(live, people.first.caller, event="credential.refuse") == []
    assert token not in str(await listed(live, people.first.caller))


async def test_a_login_that_succeeds_is_there_too(live: Live, people: People) -> None:
    # OB-04: every login success
    await live.sign_in(people.user.username)

    row = (await listed(live, people.first.caller, event="session.begin"))[0]
    assert row["actor"] == f"user:{people.user.id}"
    assert row["target"].startswith("session:")


async def test_a_denial_names_who_route_code_and_target(live: Live, people: People) -> None:
    # OB-04: denials
    path = people.other_user.path
    answer = await people.user.caller.request(
        "DELETE", path, headers={"X-Request-Id": "from-the-client"}
    )
    assert answer.status == 403

    (row,) = await listed(live, people.first.caller, event="access.refuse")
    assert row["actor"] == f"user:{people.user.id}"
    assert row["target"] == f"user:{people.other_user.id}"
    assert row["details"] == {
        "route": "DELETE /api/v1/users/{user_id}",
        "code": "insufficient_role",
    }
    assert row["request_id"] == "from-the-client"


async def test_a_key_is_named_by_its_id(live: Live, people: People) -> None:
    text, key = await live.make_key(people.admin.caller, scopes=["self:read"])
    assert (await live.with_key(text).get("/users")).status == 403
    assert (await people.admin.caller.delete(f"/api-keys/{key['id']}")).status == 204
    assert (await live.with_key(text).get("/users")).status == 401

    rows = await listed(live, people.first.caller, actor=f"api_key:{key['id']}", result="denied")
    assert [(row["event"], row["details"].get("reason")) for row in rows] == [
        ("credential.refuse", "state"),
        ("access.refuse", None),
    ]


async def test_a_path_is_no_place_to_leave_a_secret(live: Live, people: People) -> None:
    # OB-01, in the audit
    answer = await people.user.caller.get("/users/correct-horse-battery")
    assert answer.status == 403

    (row,) = await listed(live, people.first.caller, event="access.refuse")
    assert "target" not in row


async def test_a_tab_that_polls_is_told_once_in_ten_minutes(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    for _ in range(5):
        assert (await people.user.caller.get("/users")).status == 403
        await live.runtime.refusals.flush()
    rows = await listed(live, people.first.caller, event="access.refuse")
    assert [row["details"].get("count") for row in rows] == [None]

    clock.advance(601)
    rows = await listed(live, people.first.caller, event="access.refuse")
    assert [row["details"].get("count") for row in rows] == [4, None]


async def test_the_address_is_the_client_s_behind_a_proxy(
    template: Template, tmp_path: Path
) -> None:
    template.copy_to(tmp_path)
    trusted = {"AGENTBOX_SERVER__TRUSTED_PROXIES": "127.0.0.1/32"}
    async with live_server(tmp_path, environ=trusted) as live:
        people = People(live, template)
        headers = {"X-Forwarded-For": "192.0.2.99"}
        assert (await people.user.caller.get("/users", headers=headers)).status == 403

        (row,) = await listed(live, people.first.caller, event="access.refuse")
    assert row["address"] == "192.0.2.99"


async def test_no_credential_at_all_is_no_refusal(live: Live, people: People) -> None:
    assert (await live.anonymous.get("/users")).status == 401

    assert await listed(live, people.first.caller, result="denied") == []


async def test_line_breaks_stay_inside_their_field(live: Live, people: People) -> None:
    # OB-02, in the audit
    await login(live, 'x\n{"level":"info"}', "x")

    assert "level" not in str(await listed(live, people.first.caller))
