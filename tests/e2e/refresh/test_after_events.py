"""What happens to somebody meanwhile, and whether its refresh token still gives anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.e2e.people import People, Template
from tests.e2e.refresh.families import begin, go_on, is_dead, refresh
from tests.live import USER_PASSWORD, Answer, Caller, Live, live_server

NEW = "granite-violet-harbour-93"

Event = Callable[[People, Caller, Caller], Awaitable[Answer]]
"""What is done, by the caller whose tokens they are or by another session of the same user."""

SHUTS_OUT: dict[str, Event] = {
    "logout": lambda people, own, other: own.post("/auth/logout"),
    "ended by another session": lambda people, own, other: other.delete("/auth/sessions"),
    "all ended by an admin": lambda people, own, other: people.first.caller.delete(
        f"{people.other_admin.path}/sessions"
    ),
    "disabled": lambda people, own, other: people.first.caller.post(
        f"{people.other_admin.path}/disable"
    ),
    "disabled in bulk": lambda people, own, other: people.first.caller.post(
        "/users/bulk", {"ids": [people.other_admin.id], "action": "disable"}
    ),
    "suspended": lambda people, own, other: people.first.caller.patch(
        people.other_admin.path, {"status": "suspended"}
    ),
    "deleted": lambda people, own, other: people.first.caller.delete(people.other_admin.path),
    "password changed": lambda people, own, other: other.post(
        "/auth/change-password", {"current_password": USER_PASSWORD, "new_password": NEW}
    ),
    "password set by an admin": lambda people, own, other: people.first.caller.put(
        people.other_admin.path, {"password": NEW}
    ),
    "password reset": lambda people, own, other: people.first.caller.post(
        f"{people.other_admin.path}/reset-password"
    ),
}


# RT-06, RT-09, JWT-11, PW-10
@pytest.mark.parametrize("name", SHUTS_OUT)
async def test_neither_token_is_worth_anything_after(live: Live, people: People, name: str) -> None:
    tokens = await begin(live, people.other_admin.username)
    own, other = live.with_token(tokens.access), await people.other_admin.anew()
    assert (await own.get("/users")).status == 200

    event = await SHUTS_OUT[name](people, own, other)

    assert event.status < 300, event.text
    assert await is_dead(live, tokens)


# RT-06: for good, also once the user may sign in again
@pytest.mark.parametrize("name", ["disabled", "suspended"])
async def test_enabling_brings_no_session_back(live: Live, people: People, name: str) -> None:
    tokens = await begin(live, people.other_admin.username)
    own = live.with_token(tokens.access)
    await SHUTS_OUT[name](people, own, own)
    enabled = await people.first.caller.post(f"{people.other_admin.path}/enable")

    assert enabled.status == 200
    assert await is_dead(live, tokens)


# RT-06, JWT-11
async def test_one_who_was_demoted_gets_the_rights_of_now(live: Live, people: People) -> None:
    tokens = await begin(live, people.other_admin.username)
    await people.first.caller.patch(people.other_admin.path, {"role": "viewer"})
    answer = await refresh(live, tokens.refresh)
    caller = live.with_token(answer.body["token"])
    me = (await caller.get("/auth/me")).body

    assert answer.body["user"]["role"] == me["role"] == "viewer"
    assert "users:read" not in me["auth"]["scopes"]
    assert (await caller.get("/users")).error == "insufficient_role"


# RT-06
async def test_the_session_that_changed_its_password_goes_on(live: Live, people: People) -> None:
    tokens = await begin(live, people.user.username)
    body = {"current_password": USER_PASSWORD, "new_password": NEW}
    assert (await live.with_token(tokens.access).post("/auth/change-password", body)).status == 204

    assert (await refresh(live, tokens.refresh)).status == 200


# RT-06, PW-10: what a session may not do, it may not do after a refresh either
async def test_a_session_that_must_change_its_password_is_limited_after_a_refresh(
    live: Live, people: People
) -> None:
    reset = await people.first.caller.post(f"{people.user.path}/reset-password")
    tokens = await begin(live, people.user.username, reset.body["secret"])
    caller = live.with_token((await go_on(live, tokens.refresh)).access)

    assert (await caller.get("/environments")).error == "password_change_required"
    assert (await caller.post("/auth/change-password", {"new_password": NEW})).status == 204
    assert (await caller.get("/environments")).status == 200


# RT-06
async def test_a_sign_in_that_is_no_longer_configured_gives_nothing(
    template: Template, tmp_path: Path
) -> None:
    template.copy_to(tmp_path)
    chain = tmp_path / "settings.toml"

    def configured(name: str) -> Path:
        chain.write_text(
            f'[[authenticators]]\nid = "{name}"\ntype = "password"\n'
            '[[authenticators]]\nid = "jwt"\ntype = "jwt"\n'
        )
        return chain

    async with live_server(tmp_path, config=configured("staff")) as live:
        tokens = await begin(live, "user.person")
    async with live_server(tmp_path, config=configured("guests")) as live:
        assert (await refresh(live, tokens.refresh)).error == "invalid_grant"
    async with live_server(tmp_path, config=configured("staff")) as live:
        assert (await refresh(live, tokens.refresh)).status == 200


# RT-09
async def test_ending_all_others_leaves_the_one_that_asks(live: Live, people: People) -> None:
    mine, others = (
        await begin(live, people.user.username),
        [await begin(live, people.user.username) for _ in range(3)],
    )
    assert (await live.with_token(mine.access).delete("/auth/sessions")).status == 204

    assert [await is_dead(live, each) for each in others] == [True] * 3
    assert (await refresh(live, mine.refresh)).status == 200


# RT-09
async def test_one_session_of_ones_own_is_ended_by_its_id(live: Live, people: People) -> None:
    mine, other = await begin(live, people.user.username), await begin(live, people.user.username)
    caller = live.with_token(mine.access)
    me = await live.with_token(other.access).get("/auth/me")
    assert (await caller.delete(f"/auth/sessions/{me.body['auth']['session_id']}")).status == 204

    assert await is_dead(live, other)
    assert (await refresh(live, mine.refresh)).status == 200
