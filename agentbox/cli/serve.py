"""`agentbox serve`: the server."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click
import structlog

from agentbox import __version__
from agentbox.cli.invocation import Invocation
from agentbox.core.logs import LogHandle, configure
from agentbox.core.runtime import Runtime, open_runtime
from agentbox.core.startup import Assembly
from agentbox.errors import StartError
from agentbox.web.client import OutgoingHttp
from agentbox.web.routes import route_table
from agentbox.web.server import Address, Server

_log = structlog.get_logger("agentbox")


@click.command()
@click.option("--config", "config_path", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; 0 takes a free one.")
@click.pass_obj
def serve(
    invocation: Invocation, config_path: Path | None, host: str | None, port: int | None
) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    SIGTERM drains: not ready at once, serving on for [server] drain_delay, then requests in flight
    have 30 s. Ctrl-C does the same without the delay.
    """
    invocation.config_path = config_path or invocation.config_path
    invocation.overrides = {"server.host": host, "server.port": port}
    assembly = invocation.assembly
    log = configure(assembly.settings)
    try:
        _run(_serve(assembly, log))
    finally:
        log.close()


def _run(main: Coroutine[Any, Any, None]) -> None:
    """On uvloop where it exists."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


async def _serve(assembly: Assembly, log: LogHandle) -> None:
    stop = _stop_signals()
    settings = assembly.settings
    _log.info("starting", version=__version__, plugins=_origins(assembly))
    for warning in assembly.warnings:
        _log.warning("configuration", warning=warning)
    async with open_runtime(assembly, serving=True, outgoing=OutgoingHttp.opened()) as runtime:
        server = Server(
            runtime,
            route_table(runtime),
            access_log=log if settings.server.access_log else None,
            on_bound=_announce,
        )
        try:
            await server.start()
        except OSError as error:
            raise StartError(
                f"Can't listen on {settings.server.host}:{settings.server.port}: "
                f"{error.strerror}. Is another server running there? Choose with --port."
            ) from error
        await _until(stop, runtime, server)
    _log.info("stopped")


async def _until(stop: asyncio.Queue[signal.Signals], runtime: Runtime, server: Server) -> None:
    """Wait for a signal, then drain; a second signal cuts the delay short."""
    received = await stop.get()
    runtime.draining = True
    server.begin_drain()
    configured = runtime.settings.drain_delay.total_seconds()
    delay = configured if received is signal.SIGTERM else 0.0
    _log.info("draining", signal=received.name, seconds=delay)
    try:
        async with asyncio.timeout(delay):
            await stop.get()
    except TimeoutError:
        pass
    await server.stop()


def _stop_signals() -> asyncio.Queue[signal.Signals]:
    received: asyncio.Queue[signal.Signals] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, received.put_nowait, number)
    return received


def _announce(address: Address) -> None:
    _log.info("listening", url=address.url)


def _origins(assembly: Assembly) -> list[str]:
    """Every enabled plugin with the distribution and version that it comes from (PL-05)."""
    found = ((name, assembly.plugins.plugin_info(name)) for name in assembly.plugins.names)
    return [f"{name} ({info.distribution} {info.version})" for name, info in found]
