"""A page that somebody signs in on, in front of agentbox: what an operator's own site would be.

It passes on what is under /api, so that the page and agentbox are of one origin, and it is the same
page of another origin for whoever comes by its other name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import hdrs, web
from multidict import CIMultiDict, CIMultiDictProxy

POLICY = "default-src 'none'; script-src 'self'; connect-src {}; base-uri 'none'"

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>A page</title></head><body>
<a id="plain" href="/api/v1/auth/certified/login?return_to=/app">Sign in</a>
<button id="elsewhere">Sign in by an API of another origin</button>
<p id="who"></p>
<script src="/app.js"></script>
</body></html>"""

SCRIPT = """
"use strict";
const api = "API";
const who = document.getElementById("who");

function encoded(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

async function begin() {
  const verifier = encoded(crypto.getRandomValues(new Uint8Array(48)));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  sessionStorage.setItem("verifier", verifier);
  const query = new URLSearchParams({
    return_to: `${location.origin}/app`, code_challenge: encoded(digest),
  });
  location.assign(`${api}/api/v1/auth/certified/login?${query}`);
}

async function end(code) {
  history.replaceState(null, "", "/app");
  const code_verifier = sessionStorage.getItem("verifier") ?? undefined;
  sessionStorage.clear();
  const exchanged = await fetch(`${api}/api/v1/auth/exchange`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ code, code_verifier }),
  });
  window.tokens = await exchanged.json();
  if (!exchanged.ok) {
    who.textContent = `${exchanged.status}: ${window.tokens.error}`;
    return;
  }
  const me = await fetch(`${api}/api/v1/auth/me`, {
    headers: { Authorization: `Bearer ${window.tokens.token}` },
  });
  const { username, role } = await me.json();
  who.textContent = `${me.status}: ${username}, ${role}`;
}

document.getElementById("elsewhere").addEventListener("click", begin);
const code = new URLSearchParams(location.search).get("code");
if (code !== null) end(code).catch((error) => { who.textContent = String(error); });
"""

_OF_ONE_CONNECTION = {
    hdrs.CONNECTION,
    hdrs.CONTENT_ENCODING,
    hdrs.CONTENT_LENGTH,
    hdrs.KEEP_ALIVE,
    hdrs.TRANSFER_ENCODING,
}


class Site:
    """Where the page is; `upstream` is where agentbox listens."""

    def __init__(self) -> None:
        self.port = 0
        self.upstream = ""
        self.session: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """The origin that agentbox is of, too."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def other_url(self) -> str:
        """Another origin, of another site, with the same page."""
        return f"http://localhost:{self.port}"

    async def page(self, request: web.Request) -> web.Response:
        """The page, which runs its own script alone."""
        sources = f"{self.url} {self.other_url}"
        headers = {"Content-Security-Policy": POLICY.format(sources)}
        return web.Response(text=PAGE, content_type="text/html", headers=headers)

    async def script(self, request: web.Request) -> web.Response:
        """What the page does."""
        text = SCRIPT.replace("API", self.url)
        return web.Response(text=text, content_type="text/javascript")

    async def nothing(self, request: web.Request) -> web.Response:
        """For the icon that every browser asks for."""
        return web.Response(status=204)

    async def pass_on(self, request: web.Request) -> web.Response:
        """As any proxy does: the request with its Host and cookies, the answer as it comes."""
        assert self.session is not None
        async with self.session.request(
            request.method,
            f"{self.upstream}{request.raw_path}",
            headers=_passed(request.headers),
            data=await request.read(),
            allow_redirects=False,
        ) as answer:
            body = await answer.read()
            return web.Response(status=answer.status, headers=_passed(answer.headers), body=body)


def _passed(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    return CIMultiDict(
        (name, value) for name, value in headers.items() if name.title() not in _OF_ONE_CONNECTION
    )


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    """The page on a free port, before agentbox is there."""
    made = Site()
    app = web.Application()
    app.router.add_get("/app", made.page)
    app.router.add_get("/app.js", made.script)
    app.router.add_get("/favicon.ico", made.nothing)
    app.router.add_route("*", "/api/{path:.*}", made.pass_on)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.port = runner.addresses[0][1]
        async with aiohttp.ClientSession(auto_decompress=False) as made.session:
            yield made
    finally:
        await runner.cleanup()
