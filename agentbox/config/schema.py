"""What can be configured: the sections, and everything together as the program sees it.

Every field of a section has a TOML key, an environment variable `AGENTBOX_<SECTION>__<KEY>`, a line
in config.example.toml and one in docs/configuration.md; tests hold the four together.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from msgspec import Struct

from agentbox.config.sections import (
    AdminSettings,
    ApiKeySettings,
    AuditSettings,
    EnvironmentSettings,
    MetricsSettings,
    ServerSettings,
    ThrottleSettings,
    TokenSettings,
    is_loopback,
)
from agentbox.plugin.options import Options


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
    environments: EnvironmentSettings = EnvironmentSettings()
    audit: AuditSettings = AuditSettings()
    metrics: MetricsSettings = MetricsSettings()
    throttle: ThrottleSettings = ThrottleSettings()
    plugins: tuple[str, ...]
    plugin_options: Mapping[str, Options]
    authenticators: tuple[AuthenticatorBlock, ...]

    @property
    def loopback(self) -> bool:
        """True if only this machine can reach the server, through no proxy either."""
        public_host = urlsplit(self.public_url).hostname or ""
        return is_loopback(self.server.host) and is_loopback(public_host)

    @property
    def public_url(self) -> str:
        """The address clients use, without a slash at the end; issuer and audience of tokens."""
        return self.server.public_url or "http://127.0.0.1:8080"

    @property
    def docs(self) -> bool:
        """Whether /openapi.json and /docs are served: as told, else on loopback only."""
        return self.loopback if self.server.docs is None else self.server.docs

    @property
    def drain_delay(self) -> timedelta:
        """How long SIGTERM waits before the listener closes: as told, else 5 s, 0 on loopback."""
        if self.server.drain_delay is not None:
            return self.server.drain_delay
        return timedelta(0) if self.loopback else timedelta(seconds=5)

    @property
    def root_keys(self) -> tuple[bytes, ...]:
        """The configured root secrets, 32 bytes each, the first one seals; none if not set."""
        if self.server.secret_key is None:
            return ()
        texts = self.server.secret_key.reveal().split(",")
        return tuple(base64.b64decode(text.strip()) for text in texts)


SECTIONS: Mapping[str, type[Options]] = {
    "server": ServerSettings,
    "admin": AdminSettings,
    "tokens": TokenSettings,
    "api_keys": ApiKeySettings,
    "environments": EnvironmentSettings,
    "audit": AuditSettings,
    "metrics": MetricsSettings,
    "throttle": ThrottleSettings,
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
    "AGENTBOX_JWT_REFRESH_EXPIRY": "tokens.refresh_expiry",
    "AGENTBOX_API_KEY_PREFIX": "api_keys.prefix",
    "AGENTBOX_GOOGLE_CLIENT_ID": "plugins.google.client_id",
    "AGENTBOX_GOOGLE_CLIENT_SECRET": "plugins.google.client_secret",
    "AGENTBOX_GOOGLE_REDIRECT_URL": "plugins.google.redirect_url",
    "AGENTBOX_METRICS_ENABLED": "metrics.enabled",
    "AGENTBOX_METRICS_COLLECTION_INTERVAL": "metrics.collection_interval",
    "AGENTBOX_METRICS_RETENTION_DAYS": "metrics.retention_days",
}
