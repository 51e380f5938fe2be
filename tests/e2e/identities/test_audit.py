"""Each end of a sign-in elsewhere is in the audit: who, of what, from where, by which request."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from agentbox.errors import LoginFailed, OutboundFailed
from agentbox.model.evidence import LOCAL_ISSUER
from tests.backend import Database, database_in
from tests.core.identities.at_sites import NOBODY, Site, judged, query_of, someone, with_email
from tests.e2e.audit.test_no_row_no_change import stored
from tests.e2e.identities.browser import OUR_PAGE, Away, away_by, begun
from tests.e2e.identities.trail import Trail, told_at
from tests.e2e.people import People
from tests.live import USER_PASSWORD, Live

ME = judged(with_email("me", "me@example.org"))
MINE = judged(someone("mine"), NOBODY)
STRANGER = judged(someone("stranger"), NOBODY)
LINK = "/auth/identities/example/link"
PASSWORD = {"current_password": USER_PASSWORD}


def told(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["event"], row["actor"]) for row in rows]


async def landed(trail: Trail, live: Live, page: str, **query: str) -> tuple[str, Away]:
    """The one-time code of a page, and its browser."""
    away = await begun(live.anonymous, return_to=page, **query)
    return query_of((await trail.back(away)).headers["Location"])["code"], away


async def test_a_first_sign_in_tells_of_the_user_the_link_and_the_session(
    live: Live, site: Site, trail: Trail
) -> None:
    # OB-04
    site.answers = [ME, ME]
    user = (await trail.back(await begun(live.anonymous))).body["user"]["id"]

    rows = await trail.left()
    assert told(rows) == [
        ("user.create", "system"),
        ("identity.link", "system"),
        ("session.begin", f"user:{user}"),
    ]
    assert {row["target"] for row in rows[:2]} == {f"user:{user}"}
    assert rows[1]["details"]["provider"] == "example"
    assert rows[1]["details"]["by"] == "first_sign_in"
    assert rows[2]["details"] == {"method": "example"}
    await trail.back(await begun(live.anonymous))
    assert told(await trail.left()) == [("session.begin", f"user:{user}")]


async def test_a_sign_in_at_a_page_is_there_once_its_code_is_exchanged(
    live: Live, site: Site, trail: Trail
) -> None:
    # OB-04
    site.answers = [ME]
    code, away = await landed(trail, live, OUR_PAGE)
    assert await trail.left() == []

    answer = await trail.ask("POST", "/auth/exchange", json={"code": code}, cookie=away.cookie)

    rows = await trail.left()
    assert told(rows)[-1] == ("session.begin", f"user:{answer.body['user']['id']}")
    session = (await live.with_token(answer.body["token"]).get("/auth/me")).body["auth"]
    assert rows[-1]["target"] == f"session:{session['session_id']}"
    assert rows[-1]["details"] == {"method": "example"}


async def test_a_link_and_its_end_name_who_asked(
    live: Live, site: Site, people: People, trail: Trail
) -> None:
    # OB-04
    site.answers = [MINE]
    user = people.user
    away = away_by(await trail.ask("POST", LINK, user.caller, json=PASSWORD))
    assert (await trail.back(away)).status == 204
    [row] = await trail.left()
    [linked] = (await user.caller.get("/auth/identities")).body["identities"]
    who = {"actor": f"user:{user.id}", "target": f"user:{user.id}"}
    digest = sha256("\0".join([MINE.identity.issuer, MINE.identity.subject]).encode())
    details = {
        "identity_id": linked["id"],
        "provider": "example",
        "subject_digest": digest.hexdigest()[:16],
    }
    assert row["details"] == {**details, "by": "session"}
    assert row == {**row, **who, "event": "identity.link"}

    gone = await trail.ask("DELETE", f"/auth/identities/{linked['id']}", user.caller)

    assert gone.status == 204
    [row] = await trail.left()
    assert row == {**row, **who, "event": "identity.unlink", "details": details}


REFUSED = {
    "by the person": (LoginFailed("denied"), "denied"),
    "for its ID token": (LoginFailed("id_token_nonce"), "id_token_nonce"),
    "for what is no word of ours": (LoginFailed("abr_1_secret"), "other"),
    "for an identity of our own": (judged(someone(issuer=LOCAL_ISSUER)), "issuer"),
    "for somebody unknown": (STRANGER, "unknown_identity"),
    "by silence": (OutboundFailed("timeout"), "provider_timeout"),
    "by what breaks": (ValueError("broken"), "provider_unavailable"),
}


@pytest.mark.parametrize(("answer", "reason"), REFUSED.values(), ids=REFUSED)
async def test_what_is_refused_when_the_browser_comes_back_says_why(
    live: Live, site: Site, trail: Trail, answer: Any, reason: str
) -> None:
    # OB-04
    site.answers = [answer]
    assert (await trail.back(await begun(live.anonymous))).status in {401, 503}

    assert await trail.refused() == ("anonymous", told_at(reason))


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (LoginFailed("denied"), "denied"),
        (OutboundFailed("connection"), "provider_connection"),
        (ValueError("broken"), "provider_unavailable"),
    ],
)
async def test_what_is_refused_at_the_beginning_says_why(
    live: Live, site: Site, people: People, trail: Trail, problem: Exception, reason: str
) -> None:
    # OB-04
    site.challenge = problem
    for how in ("url", "login"):
        assert (await trail.ask("GET", f"/auth/example/{how}")).status in {401, 503}
        assert await trail.refused() == ("anonymous", told_at(reason))
        # One row for each second and address.
        await live.runtime.refusals.flush()


async def test_a_callback_of_another_browser_provider_or_time_says_so(
    live: Live, site: Site, trail: Trail
) -> None:
    # OB-04
    site.answers = [ME, judged(someone("me"))]
    away = await begun(live.anonymous)
    await trail.back(away, cookie=None)
    assert await trail.refused() == ("anonymous", told_at("browser"))
    await trail.back(away, "other")
    assert await trail.refused() == ("anonymous", {"reason": "provider", "provider": "other"})
    await trail.back(away)
    assert await trail.refused() == ("anonymous", told_at("unknown_flow"))
    await trail.back(await begun(live.anonymous, fresh="true"))
    assert await trail.refused() == ("anonymous", told_at("not_fresh"))


async def test_a_code_that_does_not_hold_says_why(live: Live, site: Site, trail: Trail) -> None:
    # OB-04
    site.answers = [ME, ME]
    code, away = await landed(trail, live, OUR_PAGE)
    path = "/auth/exchange"
    await trail.ask("POST", path, json={"code": code})
    assert await trail.refused() == ("anonymous", told_at("browser"))
    assert (await trail.ask("POST", path, json={"code": code}, cookie=away.cookie)).status == 200
    await trail.ask("POST", path, json={"code": code}, cookie=away.cookie)
    assert await trail.refused() == ("anonymous", {"reason": "unknown_flow"})
    code, _ = await landed(trail, live, OUR_PAGE, code_challenge="x" * 43)
    await trail.ask("POST", path, json={"code": code, "code_verifier": "y" * 43})
    assert await trail.refused() == ("anonymous", told_at("verifier"))


async def test_who_is_disabled_or_taken_is_named(
    live: Live, site: Site, people: People, trail: Trail
) -> None:
    # OB-04: a refusal of somebody whom we know has that user as its actor
    site.answers = [ME, ME, ME]
    user = (await trail.back(await begun(live.anonymous))).body["user"]["id"]
    asked = await trail.ask("POST", LINK, people.user.caller, json=PASSWORD)
    assert (await trail.back(away_by(asked))).status == 401
    assert await trail.refused() == (f"user:{people.user.id}", told_at("identity_taken"))
    assert (await people.super_admin.caller.post(f"/users/{user}/disable")).status == 200

    assert (await trail.back(await begun(live.anonymous))).status == 401

    assert await trail.refused() == (f"user:{user}", told_at("inactive"))


async def test_a_link_whose_session_is_over_names_the_user(
    live: Live, site: Site, people: People, trail: Trail
) -> None:
    # OB-04
    site.answers = [MINE]
    caller = await people.user.anew()
    away = away_by(await trail.ask("POST", LINK, caller, json=PASSWORD))
    assert (await caller.post("/auth/logout")).status == 204

    assert (await trail.back(away)).status == 401

    assert await trail.refused() == (f"user:{people.user.id}", told_at("session"))


async def test_a_link_that_may_not_begin_says_who_asked(
    live: Live, people: People, trail: Trail
) -> None:
    # OB-04
    user = people.user
    await trail.ask("POST", LINK, user.caller, json={"current_password": "wrong-password-1"})
    [row] = await trail.left()
    assert (row["actor"], row["event"]) == (f"user:{user.id}", "access.refuse")
    assert row["details"]["code"] == "invalid_password"
    text, made = await live.make_key(user.caller)
    key = live.with_key(text)
    for method, path, json in (
        ("GET", "/auth/identities", None),
        ("POST", LINK, PASSWORD),
        ("DELETE", "/auth/identities/any", None),
    ):
        await trail.ask(method, path, key, json=json)
        [row] = await trail.left()
        assert row["actor"] == f"api_key:{made['id']}", row
        assert (row["event"], row["details"]["code"]) == ("access.refuse", "session_required")


async def test_too_many_beginnings_are_told(live: Live, trail: Trail) -> None:
    # OB-04: throttle
    for _ in range(121):
        answer = await trail.ask("GET", "/auth/example/url")
        if answer.status != 200:
            break

    assert answer.status == 429
    [row] = await trail.left()
    assert (row["event"], row["actor"]) == ("throttle.refuse", "anonymous")
    assert row["details"]["route"] == "GET /api/v1/auth/{provider}/url"


async def test_nothing_is_changed_without_its_row(
    live: Live, site: Site, people: People, trail: Trail, tmp_path: Path
) -> None:
    # OB-04: if it cannot be written the change fails
    user = people.user.caller
    site.answers = [MINE]
    await trail.back(away_by(await trail.ask("POST", LINK, user, json=PASSWORD)))
    [linked] = (await user.get("/auth/identities")).body["identities"]
    another = judged(someone("another"), NOBODY)
    site.answers = [ME, ME, MINE, another]
    code, browser = await landed(trail, live, OUR_PAGE)
    first, again = await begun(live.anonymous), await begun(live.anonymous)
    link = away_by(await trail.ask("POST", LINK, user, json=PASSWORD))
    database = database_in(tmp_path)
    await asyncio.to_thread(database.refuse_inserts, "audit")
    before = without_flows(database)

    for answer in (
        await trail.back(first),
        await trail.back(again),
        await trail.back(link),
        await trail.ask("POST", "/auth/exchange", json={"code": code}, cookie=browser.cookie),
        await trail.ask("DELETE", f"/auth/identities/{linked['id']}", user),
    ):
        assert answer.status == 503, answer.text
        assert "Set-Cookie" not in answer.headers
        assert without_flows(database) == before

    await asyncio.to_thread(database.take_inserts, "audit")
    assert (await trail.ask("DELETE", f"/auth/identities/{linked['id']}", user)).status == 204


def without_flows(database: Database) -> dict[str, list[str]]:
    """All that is stored but what waits, which each try uses up."""
    found = stored(database)
    del found["login_flows"]
    return found
