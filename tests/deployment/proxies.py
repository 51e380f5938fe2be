"""A real HAProxy and a real nginx with the shipped files, as children of the test."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.deployment.shipped import HOST, PORTS, free_ports, text_of, write_private
from tests.postgres import absent

_HAPROXY_LINE = re.compile(r" agentbox/(?P<server>\S+) \S+ (?P<status>-?\d+) .* \{(?P<id>[^}]*)\} ")
_NGINX_LINE = re.compile(r'" (?P<status>\d+) [\d.]+ (?P<server>.+) (?P<id>\S+)$')


@dataclass(frozen=True)
class Proxy:
    """A running proxy: where it listens, and which replica it says that it asked."""

    name: str
    port: int
    log: Path
    line: re.Pattern[str]
    tls: ssl.SSLContext
    names: Mapping[str, str] = field(default_factory=dict)

    def asked(self) -> Mapping[str, str]:
        """Where each request went, by its id: the port that the log tells, or several."""
        found = (self.line.search(line) for line in self.log.read_text().splitlines())
        return {
            match["id"]: self.names.get(match["server"], match["server"])
            for match in found
            if match is not None
        }

    def wait_for(self, text: str) -> str:
        """The first line of the log with that; it may be written a little after the answer."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for line in self.log.read_text().splitlines():
                if text in line:
                    return line
            time.sleep(0.02)
        raise AssertionError(f"no line of {self.name} has {text}")


@contextmanager
def haproxy(folder: Path, replicas: Sequence[int]) -> Iterator[Proxy]:
    """HAProxy by docs/deployment/haproxy.cfg in front of replicas on these ports."""
    program = _program("haproxy")
    (port,) = free_ports(1)
    certificate = _certificate(folder / "haproxy.pem")
    changes = {
        "bind :443": f"bind 127.0.0.1:{port}",
        "/etc/haproxy/agentbox.pem": str(certificate),
    }
    settings = write_private(folder / "haproxy.cfg", text_of("haproxy.cfg", changes))
    given = {f"REPLICA_{n}": f"127.0.0.1:{each}" for n, each in enumerate(replicas, 1)}
    given["ADMIN_SOCKET"] = str(folder / "admin.sock")
    subprocess.run([program, "-c", "-q", "-f", str(settings)], check=True, env=os.environ | given)
    log = folder / "haproxy.log"
    command = [program, "-db", "-f", str(settings)]
    names = {f"replica-{number}": str(each) for number, each in enumerate(replicas, 1)}
    with _running(command, log, port, given):
        yield Proxy("haproxy", port, log, _HAPROXY_LINE, trusting(certificate), names)


@contextmanager
def nginx(folder: Path, replicas: Sequence[int]) -> Iterator[Proxy]:
    """nginx by docs/deployment/nginx.conf in front of replicas on these ports."""
    program = _program("nginx")
    (port,) = free_ports(1)
    certificate = _certificate(folder / "nginx.pem")
    log = folder / "nginx-access.log"
    changes = {
        "listen 443": f"listen 127.0.0.1:{port}",
        "/etc/nginx/agentbox.pem": str(certificate),
        "/var/log/nginx/agentbox.log": str(log),
        **{
            f"127.0.0.1:{old}": f"127.0.0.1:{new}" for old, new in zip(PORTS, replicas, strict=True)
        },
    }
    site = write_private(folder / "agentbox.conf", text_of("nginx.conf", changes))
    # What Debian's own nginx.conf has around the files of conf.d.
    main = (
        f"pid {folder / 'nginx.pid'};\nerror_log stderr;\ndaemon off;\nworker_processes 2;\n"
        f"events {{ worker_connections 768; }}\nhttp {{ include {site}; }}\n"
    )
    settings = write_private(folder / "nginx-main.conf", main)
    subprocess.run([program, "-t", "-q", "-c", str(settings)], check=True)
    with _running([program, "-c", str(settings)], folder / "nginx.log", port, {}):
        yield Proxy("nginx", port, log, _NGINX_LINE, trusting(certificate))


def trusting(certificate: Path) -> ssl.SSLContext:
    """What a client needs that trusts this certificate alone."""
    return ssl.create_default_context(cafile=str(certificate))


def _program(name: str) -> str:
    found = shutil.which(name, path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))
    if found is None:
        absent(f"there is no {name} here (Debian's package {name})")
    if os.geteuid() != 0:
        absent(f"{name} is started by root, who gives it another user")
    return found


@contextmanager
def _running(
    command: Sequence[str], log: Path, port: int, given: Mapping[str, str]
) -> Iterator[None]:
    with log.open("w") as lines:
        process = subprocess.Popen(
            command,
            env=os.environ | given,
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=subprocess.STDOUT,
        )
        try:
            _await_listener(process, port, log)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_listener(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        else:
            return


def _certificate(path: Path) -> Path:
    """A certificate of its own making for `HOST`, with its key behind it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    pem += key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    return write_private(path, pem)
