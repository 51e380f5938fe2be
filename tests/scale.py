"""How large repeated proofs are: small in `make test`, ten times that in `make soak`."""

from __future__ import annotations

import os

SCALE = int(os.environ.get("AGENTBOX_TEST_SCALE", "1"))


def scaled(number: int) -> int:
    """`number`, times `AGENTBOX_TEST_SCALE`."""
    return number * SCALE
