"""Servers of other names, as `accounts.google.com`, on this machine: names lead here, and to a
certificate that is trusted. All else is as it will be: TLS, the check of the name, the client.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from agentbox.web.outgoing.client import OutgoingHttp

GOOGLE_HOSTS = (
    "accounts.google.com",
    "oauth2.googleapis.com",
    "www.googleapis.com",
    "openidconnect.googleapis.com",
)


class Certified(NamedTuple):
    """A certificate of its own for some names, and its key, both in PEM."""

    certificate: bytes
    key: bytes


@cache
def certified(names: Sequence[str]) -> Certified:
    """One that signs itself: who is to trust it is told."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    return Certified(
        certificate.public_bytes(Encoding.PEM),
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


@contextmanager
def _files(shown: Certified) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "both.pem"
        path.write_bytes(shown.key + shown.certificate)
        yield path


def served(shown: Certified) -> ssl.SSLContext:
    """For the server that has it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with _files(shown) as path:
        context.load_cert_chain(path)
    return context


def trusting(shown: Certified) -> ssl.SSLContext:
    """For clients, who trust this one and no other."""
    return ssl.create_default_context(cadata=shown.certificate.decode())


class Here(AbstractResolver):
    """Every name leads to this machine, and to one port."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=self._port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Nothing is held."""


class Names:
    """Where names lead: to `port`, with what this certificate vouches for."""

    def __init__(self, port: int, shown: Certified) -> None:
        self._port = port
        self._shown = shown

    def session(self) -> aiohttp.ClientSession:
        """Requests by those names."""
        connector = aiohttp.TCPConnector(resolver=Here(self._port), ssl=trusting(self._shown))
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    @asynccontextmanager
    async def outgoing(self) -> AsyncIterator[OutgoingHttp]:
        """The server's own client, which knows no other names."""
        async with self.session() as session:
            yield OutgoingHttp(session)
