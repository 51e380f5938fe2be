"""What can be configured, section by section, with defaults and constraints.

Every field here has a TOML key, an environment variable `AGENTBOX_<SECTION>__<KEY>`, and a line in
config.example.toml; a test holds the three together.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from agentbox.model.secret import Secret
from agentbox.plugin.options import Options

Port = Annotated[int, Meta(ge=0, le=65535)]


class ServerSettings(Options, frozen=True):
    """`[server]`: where it listens, what it calls itself, how it logs."""

    host: str = "127.0.0.1"
    port: Port = 8080
    public_url: str | None = None
    hosts: tuple[str, ...] = ()
    secret_key: Secret | None = None
    docs: bool | None = None
    cors_origins: tuple[str, ...] = ()
    drain_delay: timedelta | None = None
    credential_cache: timedelta = timedelta(seconds=30)
    access_log: bool = True
    log_format: Literal["auto", "json", "console"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class AdminSettings(Options, frozen=True):
    """`[admin]`: the first super_admin, looked at on the first start alone."""

    username: str = "admin"
    password: Secret | None = None
    email: str | None = None


class TokenSettings(Options, frozen=True):
    """`[tokens]`: how long access tokens and sessions last."""

    access_expiry: timedelta = timedelta(minutes=15)
    session_max_age: timedelta = timedelta(days=30)


class ApiKeySettings(Options, frozen=True):
    """`[api_keys]`: how keys look and how long they may last."""

    prefix: str = "ak_live_"
    accepted_prefixes: tuple[str, ...] = ()
    max_lifetime: timedelta | None = None


class AuthenticatorBlock(Struct, frozen=True, kw_only=True):
    """One instance of the chain, from `[[authenticators]]` or from an enabled plugin."""

    id: str
    type: str
    plugin: str
    options: Options


class Settings(Struct, frozen=True, kw_only=True):
    """Everything, typed and checked; what the rest of the program sees."""

    server: ServerSettings
    admin: AdminSettings
    tokens: TokenSettings
    api_keys: ApiKeySettings
    plugins: tuple[str, ...]
    plugin_options: Mapping[str, Options]
    authenticators: tuple[AuthenticatorBlock, ...]

    @property
    def public_url(self) -> str:
        """The address clients use; tokens name it as issuer and audience."""
        return self.server.public_url or "http://127.0.0.1:8080"


SECTIONS: Mapping[str, type[Options]] = {
    "server": ServerSettings,
    "admin": AdminSettings,
    "tokens": TokenSettings,
    "api_keys": ApiKeySettings,
}

DEFAULT_PLUGINS: tuple[str, ...] = ("sqlite", "password", "jwt", "apikey")

SHORT_NAMES: Mapping[str, str] = {
    "AGENTBOX_HOST": "server.host",
    "AGENTBOX_PORT": "server.port",
    "AGENTBOX_PUBLIC_URL": "server.public_url",
    "AGENTBOX_SECRET_KEY": "server.secret_key",
    "AGENTBOX_DB_DSN": "plugins.postgres.dsn",
    "AGENTBOX_DB_PATH": "plugins.sqlite.path",
    "AGENTBOX_ADMIN_USERNAME": "admin.username",
    "AGENTBOX_ADMIN_PASSWORD": "admin.password",
    "AGENTBOX_ADMIN_EMAIL": "admin.email",
    "AGENTBOX_JWT_SECRET": "plugins.jwt.secret",
    "AGENTBOX_JWT_EXPIRY": "tokens.access_expiry",
    "AGENTBOX_API_KEY_PREFIX": "api_keys.prefix",
}

Raw = Mapping[str, Any]
