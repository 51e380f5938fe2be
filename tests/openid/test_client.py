"""The client for other servers: to its own origins, with nothing that it was not told to send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from aiohttp import web

from agentbox.errors import OutboundFailed
from agentbox.model.secret import Secret
from agentbox.plugin.http import MOST_BYTES, HttpClient
from agentbox.web.outgoing.client import OutgoingHttp
from tests.openid.answers import Answerer, body, silent
from tests.openid.fake_provider import listening


class Origin:
    """A server that notes what it is asked, and answers with a good or another answer."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[tuple[str, Mapping[str, str], str]] = []
        self.answer = body(b'{"a": 1}', Set_Cookie="session=canary; Path=/")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((request.raw_path, headers, await request.text()))
        return await self.answer(request)


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    """One that listens."""
    server = Origin()
    async with listening(server.handle) as server.port:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[OutgoingHttp]:
    """Where clients come from."""
    async with OutgoingHttp.opened() as opened:
        yield opened


@pytest.fixture
def client(http: OutgoingHttp, origin: Origin) -> HttpClient:
    """A client for that server alone."""
    return http.to([origin.url])


async def reason(client: HttpClient, url: str, **options: float) -> str:
    """The word for why nothing came of it."""
    with pytest.raises(OutboundFailed) as failure:
        await client.get(url, **options)
    return failure.value.reason


async def test_an_answer_is_a_status_an_object_and_headers(
    client: HttpClient, origin: Origin
) -> None:
    origin.answer = body(b'{"error": "x"}', 400, X_Answer="y")
    answer = await client.get(f"{origin.url}/a?b=c")

    assert (answer.status, answer.body, answer.headers["x-answer"]) == (400, {"error": "x"}, "y")


async def test_only_what_is_needed_is_sent(client: HttpClient, origin: Origin) -> None:
    for _ in range(2):
        await client.get(f"{origin.url}/a?b=c")
    (_, first, _), (path, second, _) = origin.requests

    assert path == "/a?b=c"
    assert first == second
    assert set(second) == {"host", "accept", "accept-encoding"}
    assert second["accept-encoding"] == "identity"


async def test_cookies_are_not_kept(client: HttpClient, origin: Origin) -> None:
    await client.get(origin.url)
    await client.post_form(f"{origin.url}/", {"a": "b"})

    assert [headers for _, headers, _ in origin.requests if "cookie" in headers] == []


async def test_a_form_and_a_clients_secret_are_encoded_as_they_must_be(
    client: HttpClient, origin: Origin
) -> None:
    fields = {"code": Secret("a b&c=d"), "plain": "\u00e9"}
    await client.post_form(f"{origin.url}/t", fields, basic=("my id", Secret("a:b%")))
    (_, headers, text), *_ = origin.requests

    assert text == "code=a+b%26c%3Dd&plain=%C3%A9"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["authorization"] == "Basic bXkraWQ6YSUzQWIlMjU="  # my+id:a%3Ab%25


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{other}/",
        "http://localhost:{port}/",
        "http://127.0.0.1/",
        "https://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}@127.0.0.1:{other}/",
        "http://user:password@127.0.0.1:{port}/",
        "http://user@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}/#fragment",
        "http://127.0.0.1:{port}.evil.test/",
        "http://127.1:{port}/",
        "http://2130706433:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "//127.0.0.1:{port}/",
        "/relative",
        "",
        "file:///etc/passwd",
        "ftp://127.0.0.1:{port}/",
        "data:application/json,{{}}",
        "http://127.0.0.1:{port}\\@127.0.0.1:{other}/",
        "http://127.0.0.1:99999/",
    ],
)
async def test_nobody_else_is_asked(client: HttpClient, origin: Origin, url: str) -> None:
    # OP-07, JWT-03
    hits: list[str] = []

    async def collaborator(request: web.Request) -> web.StreamResponse:
        hits.append(request.path)
        return web.json_response({})

    async with listening(collaborator) as other:
        assert await reason(client, url.format(port=origin.port, other=other)) == "origin"

    assert (hits, origin.requests) == ([], [])


@pytest.mark.parametrize(
    "origin",
    [
        "http://accounts.example.org",
        "http://192.0.2.1",
        "http://0.0.0.0:80",
        "https://accounts.example.org/path",
        "https://user@accounts.example.org",
        "https://accounts.example.org:0",
        "ftp://127.0.0.1",
        "accounts.example.org",
        "https://",
        "",
        "null",
        "*",
    ],
)
def test_what_is_no_safe_origin_gets_no_client(http: OutgoingHttp, origin: str) -> None:  # OP-07
    with pytest.raises(ValueError):
        http.to([origin])


async def test_a_proxy_of_the_environment_is_not_asked(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:  # OP-07
    hits: list[str] = []

    async def proxy(request: web.Request) -> web.StreamResponse:
        hits.append(request.path)
        return web.json_response({"from": "the proxy"})

    async with listening(proxy) as port:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        async with OutgoingHttp.opened() as opened:
            answer = await opened.to([origin.url]).get(f"{origin.url}/")

    assert answer.body == {"a": 1}
    assert hits == []


@pytest.mark.parametrize("token", ["a\r\nX-Smuggled: 1", "a\nb", "a\x00b"])
async def test_a_token_can_not_add_a_header(client: HttpClient, origin: Origin, token: str) -> None:
    with pytest.raises(OutboundFailed):
        await client.get(f"{origin.url}/", bearer=Secret(token))

    assert origin.requests == []


async def test_an_answer_may_be_as_large_as_it_may_and_no_larger(
    client: HttpClient, origin: Origin
) -> None:  # OP-07
    padding = MOST_BYTES - len('{"a": ""}')
    origin.answer = body(b'{"a": "' + b"x" * padding + b'"}')
    assert len(str((await client.get(origin.url)).body["a"])) == padding

    origin.answer = body(b'{"a": "' + b"x" * (padding + 1) + b'"}')
    assert await reason(client, origin.url) == "size"


async def test_who_announces_too_much_is_not_waited_for(client: HttpClient, origin: Origin) -> None:
    async def announced(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = MOST_BYTES + 1
        await response.prepare(request)
        return await silent(request)

    origin.answer = announced

    assert await reason(client, origin.url) == "size"


async def test_silence_has_a_deadline(client: HttpClient, origin: Origin) -> None:
    origin.answer = silent

    assert await reason(client, origin.url, deadline=0.2) == "timeout"


async def test_a_deadline_covers_the_wait_for_a_connection(
    client: HttpClient, origin: Origin
) -> None:
    origin.answer = silent
    found = await asyncio.gather(*(reason(client, origin.url, deadline=0.5) for _ in range(20)))

    assert set(found) == {"timeout"}
    origin.answer = body(b"{}")
    assert (await client.get(origin.url)).status == 200


async def test_who_speaks_no_tls_is_not_spoken_to(http: OutgoingHttp, origin: Origin) -> None:
    secure = f"https://127.0.0.1:{origin.port}"

    assert await reason(http.to([secure]), f"{secure}/") in {"tls", "connection"}
    assert origin.requests == []


async def test_what_a_failure_says_holds_nothing_of_the_request(
    http: OutgoingHttp, origin: Origin
) -> None:  # OB-01
    async with listening(origin.handle) as port:
        pass
    gone = f"http://127.0.0.1:{port}"
    with pytest.raises(OutboundFailed) as failure:
        await http.to([gone]).post_form(f"{gone}/?code=canary", {"code": Secret("canary")})

    assert failure.value.reason == "connection"
    assert "canary" not in f"{failure.value!r} {failure.value.__cause__!r}"
    assert failure.value.__suppress_context__


async def test_a_json_text_is_posted_as_it_is_with_the_headers_that_it_is_given(
    client: HttpClient, origin: Origin
) -> None:
    await client.post_json(f"{origin.url}/v1", b'{"a": 1}', headers={"X-Key": Secret("s3cret")})
    ((path, headers, text),) = origin.requests

    assert (path, text) == ("/v1", '{"a": 1}')
    assert headers["content-type"] == "application/json"
    assert headers["x-key"] == "s3cret"
    assert set(headers) == {
        "host",
        "accept",
        "accept-encoding",
        "content-type",
        "content-length",
        "x-key",
    }


@pytest.mark.parametrize(
    ("status", "text", "kind", "found"),
    [
        (200, b'{"a": 1}', "application/json", {"a": 1}),
        (200, b"", "text/plain", {}),
        (503, b"<h1>Down</h1>", "text/html", {}),
        (503, b'{"a": 1}', "application/json", {"a": 1}),
        (500, b"[1]", "application/json", {}),
        (500, b"[" * 100, "application/json", {}),
        (502, b"x" * (MOST_BYTES + 1), "text/html", {}),
    ],
)
async def test_what_answers_a_json_text_may_be_nothing_or_an_error_in_other_words(
    client: HttpClient, origin: Origin, status: int, text: bytes, kind: str, found: object
) -> None:
    origin.answer = body(text, status, Content_Type=kind)
    answer = await client.post_json(f"{origin.url}/v1", b"{}")

    assert (answer.status, answer.body) == (status, found)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"", "application/json"),
        (b"<h1>Down</h1>", "text/html"),
        (b'{"a": 1}', "text/html"),
        (b"x" * (MOST_BYTES + 1), "text/html"),
    ],
    ids=["nothing", "HTML", "JSON as HTML", "too much"],
)
async def test_an_error_is_known_by_its_status_whatever_comes_with_it(
    client: HttpClient, origin: Origin, text: bytes, kind: str
) -> None:
    for status in (400, 401, 503):
        origin.answer = body(text, status, kind)
        answers = [await client.get(origin.url), await client.post_form(origin.url, {"a": "b"})]
        assert [(answer.status, answer.body) for answer in answers] == [(status, {})] * 2
    origin.answer = body(text, 200, kind)
    assert await reason(client, origin.url) in {"content", "size"}


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (body(b"<h1>Welcome</h1>", Content_Type="text/html"), "content"),
        (body(b"[]"), "content"),
        (body(b"{"), "content"),
        (body(b"x" * (MOST_BYTES + 1)), "size"),
        (body(b"", 302, Location="http://127.0.0.1:1/"), "redirect"),
        (silent, "timeout"),
    ],
)
async def test_a_json_text_whose_answer_is_no_answer_has_failed(
    client: HttpClient, origin: Origin, answer: Answerer, word: str
) -> None:
    origin.answer = answer
    with pytest.raises(OutboundFailed) as failure:
        await client.post_json(f"{origin.url}/v1", b"{}", deadline=0.5)

    assert failure.value.reason == word


async def test_a_json_text_goes_to_no_other_origin(
    client: HttpClient, origin: Origin
) -> None:  # OP-07
    with pytest.raises(OutboundFailed, match="origin"):
        await client.post_json("http://127.0.0.1:9/v1", b"{}")


async def test_a_header_that_would_begin_another_is_not_sent(
    client: HttpClient, origin: Origin
) -> None:
    with pytest.raises(OutboundFailed):
        await client.post_json(f"{origin.url}/v1", b"{}", headers={"X-Key": "a\r\nX-Other: b"})

    assert origin.requests == []
