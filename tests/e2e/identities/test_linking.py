"""One's own sign-ins elsewhere over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agentbox.model.api_keys import ApiKeyFilter, ApiKeyState
from agentbox.plugin import Change
from tests.core.identities.at_sites import BY_EMAIL, NOBODY, Site, judged, someone, with_email
from tests.e2e.identities.browser import OUR_PAGE, away_by, back, set_cookie, signed_in
from tests.e2e.people import People
from tests.live import USER_PASSWORD, Answer, Caller, Live

MINE = judged(with_email("mine", "elsewhere@example.org"), NOBODY)
PASSWORD = {"current_password": USER_PASSWORD}


async def link(live: Live, caller: Caller, **body: str) -> Answer:
    """The whole way; what the callback answers."""
    begun = await caller.post("/auth/identities/example/link", {**PASSWORD, **body})
    return await back(live, away_by(begun))


async def test_a_sign_in_is_linked_seen_used_and_taken_away(
    live: Live, site: Site, people: People
) -> None:
    site.answers = [MINE, MINE, MINE]
    caller = people.user.caller
    answer = await link(live, caller)
    assert (answer.status, answer.text) == (204, "")
    assert "Max-Age=0" in set_cookie(answer)

    [linked] = (await caller.get("/auth/identities")).body["identities"]
    assert set(linked) == {"id", "provider", "email", "linked_at"}
    assert (linked["provider"], linked["email"]) == ("example", "elsewhere@example.org")
    used = await signed_in(live)
    assert used.body["user"]["id"] == people.user.id
    [again] = (await caller.get("/auth/identities")).body["identities"]
    assert "last_used" in again

    assert (await caller.delete(f"/auth/identities/{linked['id']}")).status == 204
    assert (await caller.get("/auth/identities")).body == {"identities": []}
    assert (await signed_in(live)).error == "invalid_grant"


async def test_a_link_may_end_at_a_page(live: Live, site: Site, people: People) -> None:
    site.answers = [MINE]
    answer = await link(live, people.user.caller, return_to=OUR_PAGE)

    assert (answer.status, answer.headers["Location"]) == (302, OUR_PAGE)


async def test_one_that_is_linked_already_is_linked(live: Live, site: Site, people: People) -> None:
    site.answers = [MINE] * 3
    caller = people.user.caller
    first, again = await link(live, caller), await link(live, caller)

    assert (first.status, again.status) == (204, 204)
    assert (await link(live, caller, return_to=OUR_PAGE)).headers["Location"] == OUR_PAGE
    assert len((await caller.get("/auth/identities")).body["identities"]) == 1


async def test_other_sessions_end(live: Live, site: Site, people: People) -> None:
    # OA-07
    site.answers = [MINE]
    other = await live.sign_in(people.user.username)
    await link(live, people.user.caller)

    assert (await other.get("/auth/me")).status == 401
    assert (await people.user.caller.get("/auth/me")).status == 200


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({}, 422, "validation_failed"),
        (None, 422, "validation_failed"),
        ({"current_password": "wrong-password-1"}, 403, "invalid_password"),
        ({**PASSWORD, "return_to": "https://evil.example/"}, 422, "validation_failed"),
        ({**PASSWORD, "provider": "other"}, 422, "validation_failed"),
    ],
)
async def test_a_link_wants_the_password(
    live: Live, people: People, body: dict[str, str] | None, status: int, error: str
) -> None:
    # OA-07
    answer = await people.user.caller.post("/auth/identities/example/link", body)

    assert (answer.status, answer.error) == (status, error)
    assert "Set-Cookie" not in answer.headers


async def test_a_link_wants_a_fresh_sign_in(live: Live, people: People) -> None:
    # OA-07
    caller = people.user.caller
    session_id = (await caller.get("/auth/me")).body["auth"]["session_id"]
    long_ago = live.runtime.clock.now() - timedelta(minutes=11)
    async with live.runtime.storage.transaction() as tx:
        await tx.sessions.renew(session_id, long_ago, ("pwd",))
        tx.changed(Change("session", session_id))
    for answer in (
        await caller.post("/auth/identities/example/link", PASSWORD),
        await caller.delete("/auth/identities/any"),
    ):
        assert (answer.status, answer.error) == (403, "insufficient_user_authentication")

    assert (await caller.post("/auth/reauthenticate", {"password": USER_PASSWORD})).status == 200
    assert (await caller.post("/auth/identities/example/link", PASSWORD)).status == 200


async def test_an_api_key_links_nothing(live: Live, people: People) -> None:
    key, _ = await live.make_key(people.user.caller, scopes=["self:write"])
    for answer in (
        await live.with_key(key).get("/auth/identities"),
        await live.with_key(key).post("/auth/identities/example/link", PASSWORD),
        await live.with_key(key).delete("/auth/identities/any"),
    ):
        assert (answer.status, answer.error) == (403, "session_required")


async def test_a_callback_without_the_cookie_links_nothing(
    live: Live, site: Site, people: People
) -> None:
    # OA-01
    site.answers = [MINE]
    away = away_by(await people.user.caller.post("/auth/identities/example/link", PASSWORD))
    answer = await back(live, away, cookie=None)

    assert (answer.status, answer.error) == (401, "invalid_grant")
    assert (await people.user.caller.get("/auth/identities")).body == {"identities": []}


async def test_an_identity_of_another_is_not_linked(live: Live, site: Site, people: People) -> None:
    site.answers = [MINE, MINE]
    assert (await link(live, people.other_user.caller)).status == 204

    answer = await link(live, people.user.caller)

    assert (answer.status, answer.error) == (401, "invalid_grant")
    assert (await people.user.caller.get("/auth/identities")).body == {"identities": []}


async def test_the_last_way_in_stays(live: Live, site: Site) -> None:
    site.answers = [judged(someone("new", auth_time=live.runtime.clock.now()))]
    caller = live.with_token((await signed_in(live)).body["token"])
    [linked] = (await caller.get("/auth/identities")).body["identities"]

    answer = await caller.delete(f"/auth/identities/{linked['id']}")

    assert (answer.status, answer.error) == (409, "conflict")


async def test_another_s_is_not_found(live: Live, site: Site, people: People) -> None:
    site.answers = [MINE]
    await link(live, people.other_user.caller)
    [linked] = (await people.other_user.caller.get("/auth/identities")).body["identities"]

    answer = await people.user.caller.delete(f"/auth/identities/{linked['id']}")

    assert (answer.status, answer.error) == (404, "not_found")


async def test_who_was_there_first_with_a_victim_s_address_has_nothing_left(
    live: Live, site: Site, people: People
) -> None:
    # OA-07: password, sessions and keys from before the victim came by the site are dead
    victim = "victim@example.org"
    storage, now = live.runtime.storage, live.runtime.clock.now()
    await live.make_user("squatter", email=victim)
    attacker = await live.sign_in("squatter")
    me = (await attacker.get("/auth/me")).body
    key, _ = await live.make_key(attacker)
    async with storage.transaction() as tx:
        user = await tx.users.get(me["id"])
    assert user is not None
    assert user.email_verified  # an admin gave it
    site.answers = [judged(with_email("victim", victim), BY_EMAIL)]

    signed = await signed_in(live)

    assert signed.status == 200, signed.text
    assert signed.body["user"]["id"] == me["id"]
    assert (await attacker.get("/auth/me")).status == 401
    assert (await live.with_key(key).get("/auth/me")).status == 401
    login = {"username": "squatter", "password": USER_PASSWORD}
    assert (await live.anonymous.post("/auth/login", login)).status == 401
    assert (await live.with_token(signed.body["token"]).get("/auth/me")).status == 200
    async with storage.transaction(read_only=True) as tx:
        where = ApiKeyFilter(user_id=me["id"], state=ApiKeyState.ACTIVE, now=now)
        assert await tx.api_keys.count(where) == 0
