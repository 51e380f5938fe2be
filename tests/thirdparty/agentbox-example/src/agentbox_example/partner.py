"""`python -m agentbox_example.partner USER_ID`: what the partner does with the secret."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta

from agentbox.model.secret import Secret
from agentbox_example.tickets import make_ticket

if __name__ == "__main__":
    secret = Secret(os.environ["AGENTBOX_PLUGINS__EXAMPLE__SECRET"])
    print(make_ticket(secret, sys.argv[1], datetime.now(UTC) + timedelta(minutes=1)))
