"""Sign-in elsewhere over HTTP: the addresses, the cookie, the tokens."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agentbox.errors import LoginFailed, OutboundFailed
from agentbox.plugin import Change
from tests.core.identities.at_sites import Site, judged, query_of, someone, with_email
from tests.e2e.identities.browser import (
    OUR_PAGE,
    away_by,
    back,
    begun,
    cookie_in,
    pair,
    sending,
    set_cookie,
    signed_in,
)
from tests.e2e.people import People
from tests.live import Live

ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"
ME = judged(with_email("me", "me@example.org", preferred_username="me"))


async def test_a_login_page_is_told_of_all_ways_in(live: Live) -> None:
    answer = await live.anonymous.get("/auth/providers")

    assert answer.body == {
        "providers": [
            {"id": "password", "kind": "password", "name": "Password"},
            {"id": "example", "kind": "redirect", "name": "Example"},
            {"id": "other", "kind": "redirect", "name": "Other"},
        ]
    }


async def test_a_page_is_told_where_to_send_the_browser(live: Live) -> None:
    answer = await live.anonymous.get("/auth/example/url")

    assert answer.status == 200
    assert answer.body["url"].startswith("https://id.example/authorize?client_id=us&state=")
    assert answer.headers["Cache-Control"] == "no-store"


async def test_the_cookie_is_bound_to_this_host_and_lasts_until_the_code_ends(live: Live) -> None:
    # OA-01: ten minutes for the way there and back, and one for the code of a page
    answer = await live.anonymous.get("/auth/example/url")

    assert set_cookie(answer) == f"{away_by(answer).cookie}; Max-Age=660; {ATTRIBUTES}"


async def test_a_browser_is_sent_there(live: Live) -> None:
    answer = await live.anonymous.get("/auth/example/login", allow_redirects=False)

    assert answer.status == 302
    assert answer.headers["Location"].startswith("https://id.example/authorize?")
    assert answer.text == ""
    assert len(cookie_in(answer)) == 43
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("how", ["url", "login"])
async def test_a_provider_that_is_not_there_is_404(live: Live, how: str) -> None:
    answer = await live.anonymous.get(f"/auth/none/{how}", allow_redirects=False)

    assert (answer.status, answer.error) == (404, "not_found")
    assert "Set-Cookie" not in answer.headers


async def test_who_comes_back_is_signed_in(live: Live, site: Site) -> None:
    site.answers = [ME]
    away = await begun(live.anonymous)
    answer = await back(live, away)

    assert answer.status == 200, answer.text
    assert answer.body["user"]["username"] == "me"
    assert answer.body["user"]["role"] == "viewer"
    assert set_cookie(answer) == f"{pair(away.state, '')}; Max-Age=0; {ATTRIBUTES}"
    me = await live.with_token(answer.body["token"]).get("/auth/me")
    assert me.status == 200
    assert me.body["email"] == "me@example.org"
    [(_, data)] = site.seen
    assert data == {"code": "code"}  # and nothing of what sites add


async def test_a_page_of_ours_may_bring_it_back_as_json(live: Live, site: Site) -> None:
    site.answers = [ME]
    away = await begun(live.anonymous)
    body = {"state": away.state, "code": "code", "iss": "https://id.example"}

    answer = await live.anonymous.post("/auth/example/callback", body, **sending(away.cookie))

    assert answer.status == 200, answer.text
    assert site.seen[0][1] == {"code": "code", "iss": "https://id.example"}


async def test_a_session_that_began_elsewhere_goes_on(live: Live, site: Site) -> None:
    site.answers = [ME]
    first = (await signed_in(live)).body
    again = await live.anonymous.post("/auth/refresh", {"refresh_token": first["refresh_token"]})

    assert again.status == 200, again.text
    sessions = (await live.with_token(again.body["token"]).get("/auth/sessions")).body
    assert [each["authenticator"] for each in sessions["sessions"]] == ["example"]


@pytest.mark.parametrize("cookie", [None, "x" * 43, "", '"quoted"'])
async def test_another_browser_gets_no_session(live: Live, site: Site, cookie: str | None) -> None:
    # OA-01
    site.answers = [ME]
    answer = await back(live, await begun(live.anonymous), cookie=cookie)

    assert (answer.status, answer.error) == (401, "invalid_grant")
    assert site.answers == [ME]


async def test_two_cookies_of_that_name_are_400(live: Live, site: Site) -> None:
    # OA-01: a neighbour's page can add one, never take ours away
    site.answers = [ME]
    away = await begun(live.anonymous)
    for header in (
        f"{away.cookie}; {pair(away.state, 'x' * 43)}",
        f"{pair(away.state, 'x' * 43)}; a=b; {away.cookie}",
        f"{away.cookie}; {away.cookie}",
    ):
        answer = await live.anonymous.get(
            "/auth/example/callback",
            params={"state": away.state, "code": "c"},
            headers={"Cookie": header},
        )
        assert (answer.status, answer.error) == (400, "invalid_request")

    assert (await back(live, away)).status == 200  # refused before anything was used up


@pytest.mark.parametrize(
    "header",
    [
        "a=b; {0}; c=d",
        "a={0}; {0}",
        "{0};",
        " {0} ",
        "=x; {0}; no-value; {1}",
    ],
)
async def test_other_cookies_are_let_alone(live: Live, site: Site, header: str) -> None:
    site.answers = [ME]
    away = await begun(live.anonymous)
    text = header.format(away.cookie, f"x{away.cookie}")
    answer = await live.anonymous.get(
        "/auth/example/callback",
        params={"state": away.state, "code": "c"},
        headers={"Cookie": text},
    )

    assert answer.status == 200, answer.text


async def test_a_state_is_good_once(live: Live, site: Site) -> None:
    # OA-01
    site.answers = [ME, ME]
    away = await begun(live.anonymous)
    assert (await back(live, away)).status == 200

    assert (await back(live, away)).error == "invalid_grant"


async def test_another_provider_s_callback_is_none_of_it(live: Live, site: Site) -> None:
    # OA-01
    site.answers = [ME]
    answer = await back(live, await begun(live.anonymous), "other")

    assert (answer.status, answer.error) == (401, "invalid_grant")


async def test_a_parameter_that_is_repeated_is_400(live: Live, site: Site) -> None:
    site.answers = [ME]
    away = await begun(live.anonymous)
    answer = await live.anonymous.get(
        f"/auth/example/callback?state={away.state}&code=a&code=b", **sending(away.cookie)
    )

    assert (answer.status, answer.error) == (400, "invalid_request")


async def test_a_page_gets_a_code_for_the_tokens(live: Live, site: Site) -> None:
    site.answers = [ME]
    away = await begun(live.anonymous, return_to=OUR_PAGE)
    answer = await back(live, away)
    location = answer.headers["Location"]
    code = query_of(location)["code"]

    assert (answer.status, answer.text) == (302, "")
    assert location == f"{OUR_PAGE}?code={code}"
    assert "Set-Cookie" not in answer.headers  # it is needed for the exchange
    tokens = await live.anonymous.post("/auth/exchange", {"code": code}, **sending(away.cookie))
    assert tokens.status == 200, tokens.text
    assert tokens.body["token"] not in location
    assert set_cookie(tokens).startswith(f"{pair(code, '')}; Max-Age=0")
    again = await live.anonymous.post("/auth/exchange", {"code": code}, **sending(away.cookie))
    assert (again.status, again.error) == (401, "invalid_grant")


async def test_a_code_is_nothing_without_the_cookie(live: Live, site: Site) -> None:
    site.answers = [ME]
    answer = await back(live, await begun(live.anonymous, return_to=OUR_PAGE))
    code = query_of(answer.headers["Location"])["code"]

    refused = await live.anonymous.post("/auth/exchange", {"code": code})
    assert (refused.status, refused.error) == (401, "invalid_grant")


@pytest.mark.parametrize("how", ["url", "login"])
@pytest.mark.parametrize("page", ["https://evil.example/", "//evil.example", "/\\evil.example", ""])
async def test_nobody_is_sent_anywhere_else(live: Live, how: str, page: str) -> None:
    # OA-10
    answer = await live.anonymous.get(
        f"/auth/example/{how}", params={"return_to": page}, allow_redirects=False
    )

    assert (answer.status, answer.error) == (422, "validation_failed")


async def test_the_host_header_moves_no_address(live: Live, site: Site) -> None:
    # OA-10
    site.answers = [ME]
    away = await begun(live.anonymous, return_to="/home")
    answer = await live.anonymous.get(
        "/auth/example/callback",
        params={"state": away.state, "code": "c"},
        headers={"Cookie": away.cookie, "X-Forwarded-Host": "evil.example"},
        allow_redirects=False,
    )

    own = live.runtime.settings.public_url
    assert answer.headers["Location"].startswith(f"{own}/home?code=")


async def test_a_site_that_refuses_is_401_with_one_plain_message(live: Live, site: Site) -> None:
    site.answers = [LoginFailed("id_token_nonce")]
    answer = await signed_in(live)

    assert (answer.status, answer.error) == (401, "invalid_grant")
    assert answer.body["detail"] == "The sign-in did not succeed. Begin again."


@pytest.mark.parametrize("answer", [OutboundFailed("timeout"), ValueError("broken"), "yes"])
async def test_a_site_that_is_not_there_is_503(live: Live, site: Site, answer: object) -> None:
    # OA-11
    site.answers = [answer]
    got = await signed_in(live)

    assert (got.status, got.error) == (503, "authenticator_unavailable")
    if isinstance(answer, OutboundFailed):
        assert got.headers["Retry-After"] == "10"


async def test_a_user_who_is_disabled_meanwhile_does_not_come_in(
    live: Live, site: Site, people: People
) -> None:
    # OA-09
    site.answers = [ME, ME]
    user = (await signed_in(live)).body["user"]
    away = await begun(live.anonymous)
    off = await people.super_admin.caller.post(f"/users/{user['id']}/disable")
    assert off.status == 200

    answer = await back(live, away)

    assert (answer.status, answer.error) == (401, "invalid_grant")


async def test_who_came_in_without_a_password_sets_one(live: Live, site: Site) -> None:
    me = with_email(
        "me", "me@example.org", preferred_username="me", auth_time=live.runtime.clock.now()
    )
    site.answers = [judged(me)]
    caller = live.with_token((await signed_in(live)).body["token"])
    body = {"new_password": "granite-violet-harbour-93"}

    assert (await caller.post("/auth/change-password", body)).status == 204
    assert await live.sign_in("me", body["new_password"])


async def test_a_sign_in_that_is_long_ago_sets_no_password(live: Live, site: Site) -> None:
    site.answers = [ME]
    caller = live.with_token((await signed_in(live)).body["token"])
    me = (await caller.get("/auth/me")).body
    long_ago = live.runtime.clock.now() - timedelta(minutes=11)
    session_id = me["auth"]["session_id"]
    async with live.runtime.storage.transaction() as tx:
        await tx.sessions.renew(session_id, long_ago, ("federated",))
        tx.changed(Change("session", session_id))

    answer = await caller.post(
        "/auth/change-password", {"new_password": "granite-violet-harbour-93"}
    )

    assert (answer.status, answer.error) == (403, "insufficient_user_authentication")


async def test_an_admin_sees_what_a_user_signs_in_by(
    live: Live, site: Site, people: People
) -> None:
    site.answers = [ME]
    user = (await signed_in(live)).body["user"]
    seen = await people.admin.caller.get(f"/users/{user['id']}")

    assert seen.body["identities"] == [{"provider": "example", "email": "me@example.org"}]
    other = await people.admin.caller.get(people.viewer.path)
    assert "identities" not in other.body


async def test_what_may_come_of_a_callback_is_documented(live: Live) -> None:
    paths = (await live.anonymous.get("/openapi.json")).body["paths"]
    callback = paths["/api/v1/auth/{provider}/callback"]
    there = paths["/api/v1/auth/{provider}/login"]["get"]["responses"]

    for method in ("get", "post"):
        responses = callback[method]["responses"]
        assert {"200", "204", "302", "401", "503"} <= set(responses)
        assert "Location" in responses["302"]["headers"]
        assert "content" not in responses["204"]
    assert "302" in there
    assert "200" not in there


async def test_a_password_does_not_open_who_has_none(live: Live, site: Site) -> None:
    # PW-01: alike for somebody unknown
    site.answers = [judged(someone(preferred_username="no-password"))]
    await signed_in(live)
    answers = [
        await live.anonymous.post("/auth/login", {"username": name, "password": "x" * 12})
        for name in ("no-password", "nobody-at-all")
    ]

    assert [answer.status for answer in answers] == [401, 401]
    bodies = [{k: v for k, v in a.body.items() if k != "request_id"} for a in answers]
    assert bodies[0] == bodies[1]
    names = [sorted(answer.headers) for answer in answers]
    assert names[0] == names[1]
