"""What operators say of their collector."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import urlsplit

from agentbox.plugin import canonical_origin
from agentbox.plugin.options import Options, Secret

PATH: Final = "/v1/metrics"

_PREFIX: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9_.-]{0,99})?")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OURS: Final = frozenset({"content-type", "content-length", "content-encoding", "host"})


class OtlpOptions(Options, frozen=True):
    """`[plugins.otlp]`"""

    endpoint: str = "http://127.0.0.1:4318"
    headers: dict[str, Secret] = {}  # noqa: RUF012  a Struct copies it
    resource: dict[str, str] = {}  # noqa: RUF012
    prefix: str = "agentbox."
    temporality: Literal["cumulative", "delta"] = "cumulative"

    @property
    def url(self) -> str:
        """Where metrics are posted to: below the endpoint, unless it is named whole."""
        base = self.endpoint.rstrip("/")
        return base if base.endswith(PATH) else f"{base}{PATH}"

    @property
    def origin(self) -> str:
        """The server alone. Only after `check` found nothing."""
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{parts.netloc}"

    def check(self) -> list[str]:
        """Refuses addresses and headers that could not be sent, and secrets in the clear."""
        faults = []
        if (fault := _url_fault(self.endpoint)) is not None:
            faults.append(fault)
        if _PREFIX.fullmatch(self.prefix) is None:
            faults.append(
                "prefix begins with a letter and takes at most 100 letters, digits, points, - and _"
            )
        for name, value in self.headers.items():
            if _HEADER.fullmatch(name) is None or name.lower() in _OURS:
                faults.append(f"headers.{name} is no header that can be added")
            elif not value.reveal().strip():
                faults.append(f"headers.{name} is empty")
            elif not (value.reveal().isascii() and value.reveal().isprintable()):
                faults.append(f"headers.{name} holds what no header can: use printable ASCII")
        faults += [
            f"resource.{name} is reserved: each process has its own"
            for name in self.resource
            if name == "service.instance.id"
        ]
        return faults


def _url_fault(text: str) -> str | None:
    """Why nothing can be sent there; what is allowed here, `Outgoing.to` takes."""
    if not text.isascii() or not text.isprintable() or " " in text:
        return "endpoint holds a blank or what is not printable ASCII; write a host as xn--…"
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return "endpoint is no URL"
    if parts.scheme not in {"http", "https"} or not host:
        return "endpoint is no URL such as https://otlp.example.org:4318"
    if parts.username or parts.password or parts.query or parts.fragment or "#" in text:
        return "endpoint must hold no user, query or fragment; a secret belongs into headers"
    if canonical_origin(f"{parts.scheme}://{parts.netloc}") is None:
        return "endpoint names no host, such as otlp.example.org or otlp.example.org:4318"
    if parts.scheme == "http" and not _is_loopback(host):
        return "endpoint is plain http, which is for a collector on this machine alone"
    return None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
