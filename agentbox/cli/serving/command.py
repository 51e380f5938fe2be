"""`agentbox serve`: the server."""

from __future__ import annotations

from pathlib import Path

import click

from agentbox.cli.invocation import Invocation


@click.command()
@click.option("--config", "config_path", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; 0 takes a free one.")
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    help="Processes that serve, on one socket; more than one needs Postgres.",
)
@click.option("--inherited", hidden=True, help="What a worker has from its supervisor.")
@click.pass_context
def serve(
    context: click.Context,
    config_path: Path | None,
    host: str | None,
    port: int | None,
    workers: int | None,
    inherited: str | None,
) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    SIGTERM drains: not ready at once, serving on for [server] drain_delay, then requests in flight
    have 30 s. Ctrl-C does the same without the delay, and a second signal ends it. With --workers,
    one that dies is started again, and SIGHUP puts new ones in the place of all, one after another.
    """
    from agentbox.cli.serving.inheritance import Inheritance
    from agentbox.core.start.workers import require_room

    invocation: Invocation = context.obj
    invocation.config_path = config_path or invocation.config_path
    invocation.overrides = {
        "server.host": host,
        "server.port": port,
        "server.workers": workers,
    }
    assembly = invocation.assembly
    if inherited is not None:
        from agentbox.cli.serving.worker import serve_as_worker

        inheritance = Inheritance.parse(inherited)
        require_room(inheritance.workers, invocation.storage)
        serve_as_worker(assembly, inheritance)
        return
    require_room(assembly.settings.server.workers, invocation.storage)
    if assembly.settings.server.workers > 1:
        from agentbox.cli.serving.supervisor import supervise

        context.exit(supervise(assembly))
    else:
        from agentbox.cli.serving.server import serve_alone

        serve_alone(assembly)
