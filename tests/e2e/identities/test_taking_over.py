"""What an attacker tried, over HTTP: another's account by way of a sign-in elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from agentbox.model.users import User
from agentbox.plugin.authenticator import AccountPolicy, Verified
from tests.core.identities.at_sites import BOTH, BY_EMAIL, NOBODY, Site, judged, with_email
from tests.e2e.identities.browser import away_by, back, signed_in
from tests.e2e.people import People
from tests.live import USER_PASSWORD, Answer, Caller, Live

EMAIL = "bob@example.org"
NEW_PASSWORD = "granite-violet-harbour-93"
PASSWORD = {"current_password": USER_PASSWORD}


def bob_at(subject: str, policy: AccountPolicy = BY_EMAIL, **fields: Any) -> Verified:
    return judged(with_email(subject, EMAIL, **fields), policy)


async def bob(live: Live) -> Caller:
    """Somebody whose address an admin has set."""
    await live.make_user("bob", email=EMAIL)
    return await live.sign_in("bob")


async def record(live: Live) -> User:
    async with live.runtime.storage.transaction(read_only=True) as tx:
        user = await tx.users.by_username("bob")
    assert user is not None
    return user


async def link(live: Live, caller: Caller) -> Answer:
    return await back(live, away_by(await caller.post("/auth/identities/example/link", PASSWORD)))


async def login(live: Live, password: str = USER_PASSWORD) -> Answer:
    return await live.anonymous.post("/auth/login", {"username": "bob", "password": password})


async def test_a_key_that_writes_users_opens_nobody_s_account(
    live: Live, site: Site, people: People
) -> None:
    # OA-07
    await bob(live)
    key, _ = await live.make_key(people.super_admin.caller, scopes=["users:write", "users:read"])
    path, mallory = f"/users/{(await record(live)).id}", "mallory@example.org"
    assert (await live.with_key(key).patch(path, {"email": mallory})).status == 200
    site.answers = [judged(with_email("mallory", mallory), BY_EMAIL)]

    answer = await signed_in(live)

    assert (answer.status, answer.error) == (401, "invalid_grant")
    assert (await login(live)).status == 200


async def test_a_sign_in_that_was_taken_away_does_not_come_back(live: Live, site: Site) -> None:
    # OA-07
    site.answers = [bob_at("mallory", NOBODY), bob_at("mallory"), bob_at("mallory", BOTH)]
    caller = await bob(live)
    assert (await link(live, caller)).status == 204
    [linked] = (await caller.get("/auth/identities")).body["identities"]
    assert (await caller.delete(f"/auth/identities/{linked['id']}")).status == 204

    for _ in range(2):
        answer = await signed_in(live)
        assert (answer.status, answer.error) == (401, "invalid_grant")
    assert (await caller.get("/auth/me")).status == 200
    assert (await login(live)).status == 200


async def test_another_mailbox_of_the_address_does_not_take_the_account(
    live: Live, site: Site
) -> None:
    # OA-07
    site.answers = [bob_at("bob"), bob_at("mallory"), bob_at("bob")]
    await bob(live)
    caller = live.with_token((await signed_in(live)).body["token"])

    answer = await signed_in(live)

    assert (answer.status, answer.error) == (401, "invalid_grant")
    assert (await caller.get("/auth/me")).status == 200
    assert (await signed_in(live)).status == 200


async def test_a_reset_shuts_out_who_signs_in_elsewhere(
    live: Live, site: Site, people: People
) -> None:
    # OA-07, PW-10
    site.answers = [bob_at("mallory", policy) for policy in (NOBODY, NOBODY, NOBODY, BY_EMAIL)]
    await link(live, await bob(live))
    theirs = live.with_token((await signed_in(live)).body["token"])
    path = f"/users/{(await record(live)).id}/reset-password"
    secret = (await people.admin.caller.post(path)).body["secret"]
    new = {"new_password": NEW_PASSWORD}

    assert (await theirs.post("/auth/change-password", new)).status == 401
    assert (await signed_in(live)).error == "invalid_grant"
    mine = live.with_token((await login(live, secret)).body["token"])
    assert (await mine.post("/auth/change-password", new)).status == 204
    assert (await mine.get("/auth/identities")).body == {"identities": []}
    assert (await signed_in(live)).error == "invalid_grant"
    assert (await login(live, NEW_PASSWORD)).status == 200


async def test_a_link_that_was_begun_with_the_old_password_is_not_made(
    live: Live, site: Site
) -> None:
    # OA-07
    site.answers = [bob_at("mallory", NOBODY)]
    caller = await bob(live)
    away = away_by(await caller.post("/auth/identities/example/link", PASSWORD))
    change = {**PASSWORD, "new_password": NEW_PASSWORD}
    assert (await caller.post("/auth/change-password", change)).status == 204

    answer = await back(live, away)

    assert (answer.status, answer.error) == (401, "invalid_grant")
    assert (await caller.get("/auth/identities")).body == {"identities": []}


async def test_a_promotion_takes_away_what_the_address_has_linked(
    live: Live, site: Site, people: People
) -> None:
    # OA-07
    site.answers = [bob_at("bob"), bob_at("bob")]
    await bob(live)
    caller = live.with_token((await signed_in(live)).body["token"])
    path = f"/users/{(await record(live)).id}"
    assert (await people.super_admin.caller.patch(path, {"role": "admin"})).status == 200

    assert (await caller.get("/auth/me")).status == 401
    assert (await signed_in(live)).error == "invalid_grant"
    assert (await people.super_admin.caller.get(path)).body.get("identities", []) == []


async def test_what_was_set_up_in_a_session_of_the_address_does_not_outlive_a_promotion(
    live: Live, site: Site, people: People
) -> None:
    # OA-07: a password and another sign-in, and the link itself is taken away before
    just_now = datetime.now(UTC)
    site.answers = [
        bob_at("bob", auth_time=just_now),
        bob_at("second", NOBODY, auth_time=just_now),
        bob_at("second", NOBODY),
    ]
    await bob(live)
    caller = live.with_token((await signed_in(live)).body["token"])
    new = {"new_password": NEW_PASSWORD}
    assert (await caller.post("/auth/change-password", new)).status == 204
    asked = {"current_password": NEW_PASSWORD}
    away = away_by(await caller.post("/auth/identities/example/link", asked))
    assert (await back(live, away)).status == 204
    first, _ = (await caller.get("/auth/identities")).body["identities"]
    assert (await caller.delete(f"/auth/identities/{first['id']}")).status == 204
    path = f"/users/{(await record(live)).id}"
    assert (await people.super_admin.caller.patch(path, {"role": "admin"})).status == 200

    assert (await caller.get("/auth/me")).status == 401
    assert (await signed_in(live)).error == "invalid_grant"
    assert (await login(live, NEW_PASSWORD)).status == 401
    secret = (await people.super_admin.caller.post(f"{path}/reset-password")).body["secret"]
    assert (await login(live, secret)).status == 200


async def test_a_password_that_an_admin_sets_shuts_out_who_signs_in_elsewhere(
    live: Live, site: Site, people: People
) -> None:
    # OA-07
    site.answers = [bob_at("mallory", NOBODY), bob_at("mallory", NOBODY), bob_at("again")]
    await link(live, await bob(live))
    path = f"/users/{(await record(live)).id}"
    assert (await people.admin.caller.put(path, {"password": NEW_PASSWORD})).status == 200

    for _ in range(2):
        assert (await signed_in(live)).error == "invalid_grant"
    assert (await login(live, NEW_PASSWORD)).status == 200


async def test_an_address_that_an_admin_corrects_shuts_out_whose_it_was(
    live: Live, site: Site, people: People
) -> None:
    # OA-07
    site.answers = [bob_at("stranger"), bob_at("stranger")]
    await bob(live)
    caller = live.with_token((await signed_in(live)).body["token"])
    path = f"/users/{(await record(live)).id}"
    assert (await people.admin.caller.patch(path, {"email": "b@example.org"})).status == 200

    assert (await caller.get("/auth/me")).status == 401
    assert (await signed_in(live)).error == "invalid_grant"
