"""What must never be in a log, looked for in all that every test of the suite has printed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.live import ADMIN_PASSWORD, USER_PASSWORD

DSN_PASSWORD = "gravel-anthem-pivot-53"
"""Of databases that ask for one."""

FORMS = {
    "an API key": r"ak_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}",
    "a reset secret": r"abreset_[0-9A-Za-z]{32}",
    "a refresh token": r"abr_[0-9A-Za-z_-]{60,}",
    "an access token": r"eyJ[0-9A-Za-z_-]{20,}\.[0-9A-Za-z_-]{20,}\.[0-9A-Za-z_-]{20,}",
    "a password": "|".join(map(re.escape, (ADMIN_PASSWORD, USER_PASSWORD, DSN_PASSWORD))),
    "a password hash": r"\$argon2id\$v=",
    "a private key": r"PRIVATE KEY-----",
    "a header of a collector": r"canary-of-otlp-[0-9]+",
    "a secret of a provider": r"canary-(?:code|access)-[0-9A-Za-z_-]{16,}|canary\+client/secret",
}
_ANY = re.compile("|".join(f"(?P<f{at}>{form})" for at, form in enumerate(FORMS.values())))


def found_in(text: str) -> Iterator[str]:
    """What kinds of secrets a text shows."""
    for match in _ANY.finditer(text):
        yield list(FORMS)[int(str(match.lastgroup)[1:])]
