"""The `agentbox` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; what stops a start is told in plain words, without a traceback."""
    from agentbox.cli.root import run

    sys.exit(run(sys.argv[1:]))
