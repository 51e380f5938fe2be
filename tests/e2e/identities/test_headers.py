"""What the routes of sign-in elsewhere answer with, and whose name stands in what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from agentbox.errors import LoginFailed, OutboundFailed
from tests.core.identities.at_sites import NOBODY, Site, judged, query_of, someone
from tests.e2e.identities.browser import (
    COOKIE,
    OUR_PAGE,
    Away,
    away_by,
    back,
    begun,
    pair,
    sending,
)
from tests.e2e.identities.opening import open_with
from tests.e2e.people import People, Template
from tests.e2e.web.test_answer_headers import ALWAYS, POLICY
from tests.e2e.wire import send
from tests.live import UNTHROTTLED, USER_PASSWORD, Answer, Live, live_server

OWN = "https://auth.example.com"
ME, MINE = judged(someone("me")), judged(someone("mine"), NOBODY)
PASSWORD = {"current_password": USER_PASSWORD}
LINK = "/auth/identities/example/link"


@pytest.fixture
async def live(
    template: Template, tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Live]:
    """A server at an address of its own, with a site."""
    open_with(monkeypatch, site)
    template.copy_to(tmp_path)
    environ = {
        **UNTHROTTLED,
        "AGENTBOX_SERVER__RETURN_TO": OUR_PAGE,
        "AGENTBOX_PUBLIC_URL": OWN,
    }
    async with live_server(tmp_path, environ=environ) as server:
        yield server


async def posted(live: Live, away: Away, **more: str) -> Answer:
    """It comes back by a page of ours."""
    body = {"state": away.state, "code": "code", **more}
    options = sending(away.cookie) | {"allow_redirects": False}
    return await live.anonymous.post("/auth/example/callback", body, **options)


async def exchanged(live: Live, away: Away, answer: Answer) -> Answer:
    code = query_of(answer.headers["Location"])["code"]
    return await live.anonymous.post("/auth/exchange", {"code": code}, **sending(away.cookie))


async def going(live: Live, site: Site) -> dict[str, Answer]:
    """Of those who begin."""
    found = {"providers": await live.anonymous.get("/auth/providers")}
    for how in ("url", "login"):

        async def ask(path: str, how: str = how, **query: str) -> Answer:
            return await live.anonymous.get(
                f"/auth/{path}/{how}", params=query, allow_redirects=False
            )

        found |= {
            how: await ask("example"),
            f"{how}, to a page": await ask("example", return_to="/home"),
            f"{how}, unknown provider": await ask("none"),
            f"{how}, hostile page": await ask("example", return_to="//evil.example"),
        }
        for problem in (OutboundFailed("timeout"), LoginFailed("denied")):
            site.challenge = problem
            found[f"{how}, {problem}"] = await ask("example")
        site.challenge = None
    return found


async def coming_back(live: Live, site: Site) -> dict[str, Answer]:
    """Of those who come back."""
    found: dict[str, Answer] = {}
    for name, come in (("GET", back), ("POST", posted)):
        site.answers = [ME, ME, LoginFailed("id_token_nonce"), OutboundFailed("timeout")]
        found[f"{name}, signed in"] = await come(live, await begun(live.anonymous))
        away = await begun(live.anonymous, return_to=OUR_PAGE)
        landed = found[f"{name}, to a page"] = await come(live, away)
        found[f"{name}, exchanged"] = await exchanged(live, away, landed)
        found[f"{name}, refused"] = await come(live, await begun(live.anonymous))
        found[f"{name}, silence"] = await come(live, await begun(live.anonymous))
        found[f"{name}, another browser"] = await come(
            live, Away(away.state, pair(away.state, "x" * 43))
        )
    twice = {"Cookie": f"{COOKIE}0=a; {COOKIE}0=b"}
    callback = "/auth/example/callback"
    found |= {
        "no state": await live.anonymous.get(callback),
        "a parameter twice": await live.anonymous.get(f"{callback}?code=a&code=b"),
        "two cookies": await live.anonymous.get(callback, headers=twice),
        "a form": await live.anonymous.post(callback, data={"state": "x"}),
        "an unknown field": await live.anonymous.post(callback, {"state": "x", "y": "z"}),
        "no code": await live.anonymous.post("/auth/exchange", {}),
        "an unknown code": await live.anonymous.post("/auth/exchange", {"code": "x"}),
        "another method": await live.anonymous.put(callback, {}),
    }
    return found


async def of_oneself(live: Live, site: Site, people: People) -> dict[str, Answer]:
    """Of those who link and unlink."""
    # Tokens that were made at another address are not for this one.
    user, own = await people.user.anew(), "/auth/identities"
    key, _ = await live.make_key(user)
    found: dict[str, Answer] = {}
    for name, come, body in (("GET", back, {}), ("POST", posted, {"return_to": OUR_PAGE})):
        site.answers = [MINE]
        asked = found[f"{name}, link"] = await user.post(LINK, {**PASSWORD, **body})
        found[f"{name}, linked"] = await come(live, away_by(asked))
        listed = found[f"{name}, list"] = await user.get(own)
        [linked] = listed.body["identities"]
        found[f"{name}, unlinked"] = await user.delete(f"{own}/{linked['id']}")
    return found | {
        "nobody": await live.anonymous.get(own),
        "nobody's link": await live.anonymous.post(LINK, PASSWORD),
        "a wrong password": await user.post(LINK, {"current_password": "x"}),
        "no password": await user.post(LINK, {}),
        "a link to a hostile page": await user.post(LINK, {**PASSWORD, "return_to": "//evil"}),
        "a link that is not there": await user.delete(f"{own}/none"),
        "a key": await live.with_key(key).get(own),
    }


async def too_many(live: Live) -> dict[str, Answer]:
    """Of an address that goes on beginning."""
    for _ in range(121):
        answer = await live.anonymous.get("/auth/example/login", allow_redirects=False)
        if answer.status == 429:
            break
    return {"too many": answer}


@pytest.fixture
async def answers(live: Live, site: Site, people: People) -> dict[str, Answer]:
    """One of each kind that these routes give."""
    return {
        **await going(live, site),
        **await coming_back(live, site),
        **await of_oneself(live, site, people),
        **await too_many(live),
    }


async def test_all_kinds_of_answers_have_what_browsers_heed_and_are_not_kept(
    answers: dict[str, Answer],
) -> None:
    # WB-04: redirects, answers without a body, and errors of all kinds
    statuses = Counter(answer.status for answer in answers.values())
    assert set(statuses) == {200, 204, 302, 400, 401, 403, 404, 405, 415, 422, 429, 503}
    for name, answer in answers.items():
        assert {header: answer.headers.get(header) for header in ALWAYS} == ALWAYS, name
        policy = {part.strip() for part in answer.headers["Content-Security-Policy"].split(";")}
        assert policy >= POLICY, name
        assert "unsafe-inline" not in answer.headers["Content-Security-Policy"], name
        assert answer.headers["Cache-Control"] == "no-store", name
        assert "max-age=" in answer.headers["Strict-Transport-Security"], name
        assert answer.headers["X-Request-Id"], name
        assert "Server" not in answer.headers, name


def secrets_in(value: Any) -> set[str]:
    """Tokens in the body of an answer."""
    if not isinstance(value, dict):
        return set()
    return {value[name] for name in ("token", "refresh_token") if name in value}


async def test_no_token_and_no_cookie_stands_in_an_address(answers: dict[str, Answer]) -> None:
    # WB-04: secrets never in URLs
    every = answers.values()
    tokens = set().union(*(secrets_in(answer.body) for answer in every))
    cookies = {
        text.partition(";")[0].partition("=")[2]
        for answer in every
        for text in answer.headers.getall("Set-Cookie", [])
    } - {""}
    addresses = [answer.headers["Location"] for answer in every if "Location" in answer.headers]
    addresses += [answer.body["url"] for answer in every if "url" in (answer.body or {})]

    assert len(tokens) >= 8
    assert len(cookies) >= 6
    assert len(addresses) >= 9
    for address in addresses:
        assert [secret for secret in tokens | cookies if secret in address] == []
        assert set(parse_qs(urlsplit(address).query)) <= {"client_id", "state", "code"}
        assert urlsplit(address).fragment == ""


async def test_only_who_begins_or_ends_gets_a_cookie(answers: dict[str, Answer]) -> None:
    for name, answer in answers.items():
        cookies = answer.headers.getall("Set-Cookie", [])
        assert len(cookies) <= (1 if answer.status < 400 else 0), name
        for text in cookies:
            assert text.startswith(COOKIE), name


HOSTS = (
    "evil.example",
    "auth.example.com.evil.example",
    "evil.example:443",
    "auth.example.com@evil",
)


@pytest.mark.parametrize("host", HOSTS)
async def test_nobody_begins_or_ends_at_another_host(live: Live, site: Site, host: str) -> None:
    # WB-05
    site.answers = [ME]
    away = await begun(live.anonymous, return_to="/home")
    asked = len(site.asked)
    back_with = {"params": {"state": away.state, "code": "c"}}
    for method, path, options in (
        ("GET", "/auth/example/url", {}),
        ("GET", "/auth/example/login", {}),
        ("HEAD", "/auth/example/login", {}),
        ("GET", "/auth/example/callback", back_with),
        ("POST", "/auth/example/callback", {"json": {"state": away.state, "code": "c"}}),
        ("POST", "/auth/exchange", {"json": {"code": "c"}}),
    ):
        headers = {"Host": host, "Cookie": away.cookie}
        answer = await live.anonymous.request(
            method, path, headers=headers, allow_redirects=False, **options
        )
        assert answer.status == 400, path
        assert "evil" not in f"{answer.headers}{answer.text}", path
        assert not {"Location", "Set-Cookie"} & set(answer.headers), path

    assert len(site.asked) == asked
    assert site.seen == []
    assert (await back(live, away)).status == 302  # nothing was used up


FORWARDED = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Port": "81",
    "X-Forwarded-Server": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "X-Original-Host": "evil.example",
    "X-Original-URL": "/evil",
    "X-Rewrite-URL": "/evil",
    "X-Host": "evil.example",
    "Forwarded": "host=evil.example;proto=http",
    "Origin": OWN,
    "Referer": "https://evil.example/",
}


@pytest.mark.parametrize("host", ["auth.example.com", "localhost:81", "127.0.0.1"])
async def test_where_one_is_sent_is_what_is_configured(live: Live, site: Site, host: str) -> None:
    # WB-05: links never come from Host or from what a proxy may say of it
    site.answers = [ME]
    headers = {**FORWARDED, "Host": host}
    there = await live.anonymous.get(
        "/auth/example/url", params={"return_to": "/home"}, headers=headers
    )
    away = away_by(there)
    assert there.body["url"].partition("?")[0] == "https://id.example/authorize"

    answer = await live.anonymous.get(
        "/auth/example/callback",
        params={"state": away.state, "code": "c"},
        headers={**headers, "Cookie": away.cookie},
        allow_redirects=False,
    )

    assert answer.headers["Location"].startswith(f"{OWN}/home?code=")
    for each in (there, answer):
        assert "evil" not in f"{each.headers}{each.text}"


@pytest.mark.parametrize("path", ["url", "login", "callback"])
async def test_a_host_that_comes_twice_or_is_none_is_refused(live: Live, path: str) -> None:
    # WB-05
    line = f"GET /api/v1/auth/example/{path} HTTP/1.1"
    ours, theirs = "Host: auth.example.com", "Host: evil.example"
    for lines in ([ours, theirs], [theirs, ours], ["Host: a b"], ["Host:"], []):
        said = await send(live, line, *lines)
        assert said.status == 400, lines
        assert "evil" not in f"{said.headers}{said.text}"
    absolute = f"GET http://evil.example/api/v1/auth/example/{path} HTTP/1.1"
    assert (await send(live, absolute, ours)).status == 400
