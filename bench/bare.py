"""The baseline: one aiohttp handler with a ready body, on the loop that agentbox uses."""

from __future__ import annotations

import sys

import uvloop
from aiohttp import web


async def _app(body: bytes) -> web.Application:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/", handler)
    return app


def main() -> None:
    """`python -m bench.bare PORT SIZE`: a body of SIZE bytes on 127.0.0.1:PORT."""
    port, size = int(sys.argv[1]), int(sys.argv[2])
    web.run_app(
        _app(b"x" * size),
        host="127.0.0.1",
        port=port,
        print=lambda _: None,
        access_log=None,
        loop=uvloop.new_event_loop(),
    )


if __name__ == "__main__":
    main()
