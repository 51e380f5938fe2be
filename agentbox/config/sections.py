"""The sections of the settings: their keys, defaults, constraints and meanings."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta

from agentbox.model.secret import Secret
from agentbox.plugin.options import Options


def is_loopback(host: str) -> bool:
    """True if only this machine can reach a server that listens on `host`."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class ServerSettings(Options, frozen=True):
    """`[server]`: where it listens, what it calls itself, how it logs."""

    host: Annotated[str, Meta(description="Address or name to listen on.")] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    ] = 8080
    workers: Annotated[
        int,
        Meta(
            ge=1,
            le=256,
            description="Processes that serve, all on one socket. More than one needs a storage "
            "that serves several, which SQLite is not.",
        ),
    ] = 1
    public_url: Annotated[
        str | None,
        Meta(
            description="Address that clients use; tokens name it as issuer and audience. Needed "
            "when `host` is not loopback, else `http://127.0.0.1:8080`."
        ),
    ] = None
    hosts: Annotated[
        tuple[str, ...],
        Meta(description="Further names (`host` or `host:port`) that requests may come in under."),
    ] = ()
    secret_key: Annotated[
        Secret | None,
        Meta(
            description="The root secret: base64 of 32 random bytes, several separated by commas; "
            "the first seals, all open. SQLite makes one beside the database if it is not set."
        ),
    ] = None
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks (CIDR) of proxies in front, whose `X-Forwarded-For` is believed; "
            "without them the address of the connection is the client's."
        ),
    ] = ()
    docs: Annotated[
        bool | None,
        Meta(description="Serve /openapi.json and /docs. Unset: on loopback only."),
    ] = None
    cors_origins: Annotated[
        tuple[str, ...],
        Meta(description="Origins whose pages may call the API, exactly as browsers send them."),
    ] = ()
    return_to: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses that a sign-in elsewhere may end at, letter by letter; paths of "
            "our own origin always."
        ),
    ] = ()
    drain_delay: Annotated[
        timedelta | None,
        Meta(
            description="How long SIGTERM waits, not ready but serving, for balancers to notice. "
            "Unset: 5s, or 0 on loopback."
        ),
    ] = None
    credential_cache: Annotated[
        timedelta,
        Meta(description="How long the verified facts of a credential are remembered, 0 to 30s."),
    ] = timedelta(seconds=30)
    access_log: Annotated[bool, Meta(description="Log one line for each request.")] = True
    log_format: Annotated[
        Literal["auto", "json", "console"],
        Meta(description="Form of the log; `auto` is console on a terminal and JSON elsewhere."),
    ] = "auto"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least severe lines that are logged."),
    ] = "info"


class AdminSettings(Options, frozen=True):
    """`[admin]`: the first super_admin, looked at on the first start alone."""

    username: Annotated[str, Meta(description="Name of the first super_admin.")] = "admin"
    password: Annotated[
        Secret | None,
        Meta(description="Its password. Unset: one is made and shown once, to be changed."),
    ] = None
    email: Annotated[str | None, Meta(description="Its e-mail address.")] = None


class TokenSettings(Options, frozen=True):
    """`[tokens]`: how long access tokens, refresh tokens and sessions last."""

    access_expiry: Annotated[
        timedelta,
        Meta(description="Lifetime of an access token, 1s to 24h; revocation never waits for it."),
    ] = timedelta(minutes=15)
    refresh_expiry: Annotated[
        timedelta,
        Meta(
            description="How long a refresh token waits to be used; each use gives a new one. At "
            "least `access_expiry`."
        ),
    ] = timedelta(days=7)
    refresh_grace: Annotated[
        timedelta,
        Meta(
            description="How long a refresh token that was just used may be used again, should the "
            "answer be lost, 0 to 10s. Later its whole session ends."
        ),
    ] = timedelta(seconds=10)
    session_max_age: Annotated[
        timedelta,
        Meta(description="A session ends after this, however much it is used."),
    ] = timedelta(days=30)


class ThrottleSettings(Options, frozen=True):
    """`[throttle]`: how many wrong passwords it takes until logins have to wait."""

    account_address: Annotated[
        str,
        Meta(
            description="Wrong passwords for one account from one address (IPv6: one /64) in a "
            "time of at most 15m; then the login is 429."
        ),
    ] = "5/5m"
    account: Annotated[
        str,
        Meta(
            description="The same for one account from everywhere, each block twice as long as "
            "the one before, up to 15m. An address that signed in to the account in the last 30 "
            "days has this number for itself instead of both."
        ),
    ] = "10/5m"
    address: Annotated[
        str, Meta(description="The same for one address, whatever the accounts.")
    ] = "50/5m"
    total: Annotated[
        str,
        Meta(
            description="The same for all together; it never stops an account at an address that "
            "it signed in from in the last 30 days."
        ),
    ] = "1000/5m"


class ApiKeySettings(Options, frozen=True):
    """`[api_keys]`: how keys look and how long they may last."""

    prefix: Annotated[
        str,
        Meta(description="How new keys begin: 2 to 16 of `a-z 0-9 _`, the last one `_`."),
    ] = "ak_live_"
    accepted_prefixes: Annotated[
        tuple[str, ...],
        Meta(description="Earlier prefixes, whose keys stay valid."),
    ] = ()
    max_lifetime: Annotated[
        timedelta | None,
        Meta(description="Longest lifetime of a key, also for those that ask for none."),
    ] = None


class EnvironmentSettings(Options, frozen=True):
    """`[environments]`: what people may register."""

    quota: Annotated[
        int,
        Meta(ge=0, le=1_000_000, description="How many environments a user of role user may have."),
    ] = 100
    stale_after: Annotated[
        timedelta,
        Meta(
            description="An environment that has reported and then was silent for so long counts "
            "as not running, and says so (`stale`), 10s to 1d."
        ),
    ] = timedelta(minutes=2)


class AuditSettings(Options, frozen=True):
    """`[audit]`: how long the trail is kept."""

    retention: Annotated[
        timedelta,
        Meta(
            description="Rows of the audit older than this are cut, a day at a time; 0 keeps them "
            "for ever, else 1d to 36500d."
        ),
    ] = timedelta(days=365)


class MetricsSettings(Options, frozen=True):
    """`[metrics]`: what is measured, how often, and how long it is kept."""

    enabled: Annotated[
        bool,
        Meta(description="Measure, and keep what was measured; names the plugin `metrics`."),
    ] = True
    collection_interval: Annotated[
        timedelta,
        Meta(
            description="How often: 5s to 1h, a divisor of one minute or a whole number of minutes "
            "that divides an hour."
        ),
    ] = timedelta(seconds=30)
    retention_days: Annotated[
        int, Meta(ge=1, le=36500, description="How many days hourly values are kept.")
    ] = 30
    raw_retention: Annotated[
        timedelta, Meta(description="How long values are kept as they were collected, 1h to 90d.")
    ] = timedelta(days=1)
    minute_retention: Annotated[
        timedelta, Meta(description="How long values of a minute are kept, 1h to 365d.")
    ] = timedelta(days=3)
    day_retention: Annotated[
        timedelta, Meta(description="How long values of a day are kept, 1d to 36500d.")
    ] = timedelta(days=730)
    listen: Annotated[
        str | None,
        Meta(
            description="Address and port, as `127.0.0.1:9464`, that serves /metrics and nothing "
            "else, to anybody who reaches it. Unset: /metrics wants the scope `system:read`."
        ),
    ] = None
