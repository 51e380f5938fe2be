"""What there is now, of one process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from agentbox import __version__
from agentbox.plugin.metrics import Family

if TYPE_CHECKING:
    from agentbox.core.runtime import Runtime


def gauges(runtime: Runtime) -> Iterator[Family]:
    """Queues, the clock, whether it drains; the version, where who asks says who it is (OB-05)."""
    yield Family(
        name="queue_waiting",
        kind="gauge",
        description="What waits in a queue.",
        labels=("queue",),
        values={
            ("events",): runtime.events.waiting,
            ("audit_refusals",): runtime.refusals.waiting,
            **{(f"sink:{name}",): much for name, much in runtime.pipeline.waiting().items()},
        },
    )
    yield Family(
        name="clock_skew_seconds",
        kind="gauge",
        description="How far this machine's clock is from the database's, either way.",
        values={(): abs(runtime.clock.skew.total_seconds())},
        together="largest",
    )
    yield Family(
        name="processes",
        kind="gauge",
        description="Processes that serve.",
        values={(): 1},
    )
    yield Family(
        name="processes_draining",
        kind="gauge",
        description="Processes that serve, are not ready, and are about to stop.",
        values={(): int(runtime.draining)},
    )
    if runtime.settings.metrics.listen is None:
        yield Family(
            name="info",
            kind="gauge",
            description="The version of agentbox.",
            labels=("version",),
            values={(__version__,): 1},
            together="largest",
        )
