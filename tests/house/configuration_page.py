"""The tables of docs/configuration.md. `python -m tests.house.configuration_page` writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from msgspec import NODEFAULT, inspect

from agentbox.config.raw.environment import variable_of
from agentbox.config.schema import SECTIONS, SHORT_NAMES
from agentbox.config.wording import describe
from agentbox.model.times import format_duration
from agentbox.plugin import Options
from tests.house.bundled_options import bundled_options
from tests.house.tree import ROOT

PAGE = ROOT / "docs/configuration.md"
_SHORT = {dotted: name for name, dotted in SHORT_NAMES.items()}
_TABLES = re.compile(r"(?<=<!-- tables -->\n).*?(?=<!-- end of tables -->)", re.DOTALL)

# What options of bundled plugins mean, where their type does not say it itself.
_MEANINGS = {
    "plugins.sqlite.path": "The database, one file; its folder must exist.",
    "plugins.postgres.dsn": "The database, as `postgresql://user@host/database`; may go through a "
    "pooler in transaction mode if `direct_dsn` is set.",
    "plugins.postgres.direct_dsn": "The same database without the pooler, for locks, notices and "
    "migrations. Unset: `dsn`.",
    "plugins.postgres.pool_size": "Connections of each process at most; one more listens.",
    "plugins.google.client_id": "The client that was made at Google.",
    "plugins.google.client_secret": "Its secret.",
    "plugins.google.redirect_url": "Where Google sends browsers back to, if it is not "
    "`<public_url>/api/v1/auth/google/callback`. It ends in `/callback`; http is for loopback "
    "alone.",
    "plugins.google.name": "What stands on the button; at most 64 printable characters.",
    "plugins.google.allowed_domains": "Google Workspace domains, in lower case; nobody else gets "
    "in. Unset: everybody with an account at Google.",
    "plugins.google.auto_provision": "Make a user of role viewer for whoever signs in "
    "and has none.",
    "plugins.google.link_verified_email": "Link to the user with the same e-mail address, if both "
    "are verified and the user is no admin. Password, keys and sessions of that user end.",
    "plugins.oidc.providers": "Tables `[plugins.oidc.providers.<id>]`, one for each "
    "provider; [sign-in-elsewhere.md](sign-in-elsewhere.md#settings) has their keys.",
    "plugins.log.environments": "A line for each environment as well.",
    "plugins.statsd.host": "Name or address of the StatsD server.",
    "plugins.statsd.port": "Its port, over UDP.",
    "plugins.statsd.prefix": "Stands before each name.",
    "plugins.statsd.dialect": "`statsd` has names alone; `dogstatsd` has tags, and says with one "
    "which environment a value is of.",
    "plugins.statsd.tags": "Tags on everything, at most 4; `dogstatsd` alone.",
    "plugins.otlp.endpoint": "The collector, over HTTP; `/v1/metrics` is added. Plain http is for "
    "this machine alone.",
    "plugins.otlp.headers": "Headers of each request, such as one that says who sends it.",
    "plugins.otlp.resource": "Attributes of the resource beside ours, or in their place.",
    "plugins.otlp.prefix": "Stands before each name.",
    "plugins.otlp.temporality": "Whether counters add up since the start or are told tick by tick.",
    "plugins.password.memory_kib": "argon2id: KiB of memory of each hash.",
    "plugins.password.iterations": "argon2id: passes of each hash.",
    "plugins.password.parallelism": "argon2id: lanes of each hash.",
    "plugins.password.threads": "Hashes at a time. Unset: as many as cores.",
    "plugins.password.queue": "Logins that may wait for a free thread; beyond them 503.",
    "plugins.password.minimum_length": "The shortest password, in characters.",
    "plugins.password.strength": "The least zxcvbn score of a password.",
    "plugins.jwt.secret": "Sign with HS256 and this secret, at least 32 bytes. Unset: ES256 with "
    "keys made on the first start.",
    "plugins.jwt.rotate_every": "Put a new key in the place of one that has signed for so long, at "
    "least `1d`. Unset: only by command.",
}


def page() -> str:
    """The page with its tables as the types have them now."""
    text = PAGE.read_text()
    assert _TABLES.search(text)
    return _TABLES.sub(lambda _: tables(), text)


def tables() -> str:
    """One table for each section and each bundled plugin that has options."""
    typed: dict[str, type[Options]] = {
        **SECTIONS,
        **{f"plugins.{name}": cls for name, cls in bundled_options().items()},
    }
    return "\n".join(
        _table(section, cls) for section, cls in typed.items() if cls.__struct_fields__
    )


def _table(section: str, cls: type[Options]) -> str:
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    rows = [row for option in info.fields for row in _rows(section, option)]
    head = ["| setting | variable | takes | default | meaning |", "|---|---|---|---|---|"]
    return "\n".join([f"### `[{section}]`", "", *head, *rows]) + "\n"


def _rows(section: str, option: inspect.Field) -> Iterator[str]:
    dotted = f"{section}.{option.encode_name}"
    long = variable_of(dotted)
    names = f"`{_SHORT[dotted]}` or `{long}`" if dotted in _SHORT else f"`{long}`"
    takes = describe(option.type).replace("|", "\\|")
    cells = [f"`{option.encode_name}`", names, takes, _default(option), _meaning(dotted, option)]
    yield f"| {' | '.join(cells)} |"


def _meaning(dotted: str, option: inspect.Field) -> str:
    if isinstance(option.type, inspect.Metadata):
        extra = option.type.extra_json_schema or {}
        if "description" in extra:
            return str(extra["description"])
    return _MEANINGS[dotted]


def _default(option: inspect.Field) -> str:
    value = option.default
    if value is NODEFAULT:
        return "needed" if option.required else "none"
    if isinstance(value, timedelta):
        return f"`{format_duration(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "none" if value is None or value == () else f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(page())
