"""The root secret and what is derived from it: sealing, bound to a row, and keyed digests."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from agentbox.core.start.private_file import write_private
from agentbox.errors import StartError, StorageError
from agentbox.model.secret import Secret
from agentbox.plugin.storage import Storage

_NONCE = 12
_KEY_ID = 4
_CHECK_PLACE = "markers:value:root_secret"
_CHECK_TEXT = b"agentbox root secret"

_log = structlog.get_logger("agentbox.root_secret")


class RootSecret:
    """32 random bytes, or several of them: the first seals, all of them open (RFC 5869)."""

    def __init__(self, secrets: Sequence[bytes], *, use: str = "seal") -> None:
        self._secrets = secrets
        self._keys = [_SealingKey(secret, use) for secret in secrets]

    def for_use(self, use: str) -> RootSecret:
        """The same for another use: what is sealed for one is never opened for another."""
        return RootSecret(self._secrets, use=use)

    def macs(self, use: str) -> MacKeys:
        """Keys of a use that makes digests, one for each secret."""
        return MacKeys([_derived(secret, use) for secret in self._secrets])

    def seal(self, plaintext: bytes, *, place: str) -> bytes:
        """AES-256-GCM with `place` as additional data; only `open` with the same place reads it."""
        return self._keys[0].seal(plaintext, place)

    def open(self, sealed: bytes, *, place: str) -> bytes:
        """The plaintext. Raises `StartError` for another secret or place, or a changed text."""
        for key in self._keys:
            if key.made(sealed):
                try:
                    return key.open(sealed, place)
                except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
                    break
        raise StartError(
            f"What is sealed at {place} can't be opened: the root secret is not the one that "
            "sealed it, or the row was changed. Set AGENTBOX_SECRET_KEY (or put back the key file "
            "beside the database) to the secret this database was made with."
        )


class _Derived(NamedTuple):
    key: bytes
    id: bytes


def _derived(secret: bytes, use: str) -> _Derived:
    label = f"agentbox/{use}".encode()
    key = HKDF(SHA256(), 32, salt=None, info=label + b"/v1").derive(secret)
    return _Derived(key, hashlib.sha256(label + b"/id" + key).digest()[:_KEY_ID])


class MacKeys:
    """HMAC-SHA256 under keys that are told apart by a public id of 4 bytes: the first one makes."""

    def __init__(self, keys: Sequence[_Derived]) -> None:
        self.first_id, self._first = keys[0].id, keys[0].key
        self._keys = {derived.id: derived.key for derived in keys}

    def first_digest(self, text: bytes) -> bytes:
        """32 bytes under the first key."""
        return hmac.digest(self._first, text, "sha256")

    def digest(self, key_id: bytes, text: bytes) -> bytes | None:
        """32 bytes under the key with that id; None where there is no such key."""
        key = self._keys.get(key_id)
        return None if key is None else hmac.digest(key, text, "sha256")


class _SealingKey:
    def __init__(self, secret: bytes, use: str) -> None:
        derived = _derived(secret, use)
        self._aead = AESGCM(derived.key)
        self._id = derived.id

    def made(self, sealed: bytes) -> bool:
        return sealed[:_KEY_ID] == self._id

    def seal(self, plaintext: bytes, place: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return self._id + nonce + self._aead.encrypt(nonce, plaintext, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        nonce, text = sealed[_KEY_ID : _KEY_ID + _NONCE], sealed[_KEY_ID + _NONCE :]
        return self._aead.decrypt(nonce, text, place.encode())


def parse_secrets(text: str, *, source: str = "AGENTBOX_SECRET_KEY") -> list[bytes]:
    """Comma-separated base64 of 32 bytes each.

    Raises `StartError` that names the source and does not show the value.
    """
    try:
        secrets = [base64.b64decode(part.strip(), validate=True) for part in text.split(",")]
    except (binascii.Error, ValueError):
        secrets = []
    if not secrets or any(len(secret) != 32 for secret in secrets):
        raise StartError(
            f"The root secret in {source} must be base64 of 32 random bytes. For a new database "
            "`agentbox secret new` makes one; an old one needs the secret it was made with."
        )
    return secrets


def root_secret(configured: Secret | None, storage: Storage) -> RootSecret:
    """The configured secret, or the one in the storage's key file, made before its first schema.

    Raises `StartError` where there is neither, saying how to make one, and for a key file that is
    missing or that others may write; one that others may read is logged.
    """
    if configured is not None:
        return RootSecret(parse_secrets(configured.reveal()))
    path = storage.default_secret_path
    if path is None:
        raise StartError(
            f"The storage {storage.name} needs AGENTBOX_SECRET_KEY, the same on every replica. "
            "Make one with: agentbox secret new"
        )
    return RootSecret(parse_secrets(_read_or_make(path, storage), source=f"the key file {path}"))


def read_root_secret(configured: Secret | None, storage: Storage) -> RootSecret:
    """As `root_secret`, for looking only: a key file that is not there is not made.

    Raises `StartError` then too.
    """
    path = storage.default_secret_path
    if configured is None and path is not None and not path.exists():
        raise StartError(f"The key file {path} is missing.")
    return root_secret(configured, storage)


def _read_or_make(path: Path, storage: Storage) -> str:
    try:
        if not path.exists():
            _require_new(path, storage)
            _make(path)
        elif not path.is_file():  # a pipe would never end
            raise StartError(f"The key file {path} is not a file.")
        _look_at_mode(path)
        return path.read_text("ascii")
    except UnicodeDecodeError:
        raise StartError(f"The key file {path} can't be read: it is not ASCII.") from None
    except OSError as error:
        raise StartError(f"The key file {path} can't be read or made: {error.strerror}.") from None


def _require_new(path: Path, storage: Storage) -> None:
    """Raises `StartError` for a database that has been there longer than a new key file would be.

    A key is made before a schema. So where there is a schema, the key is missing, unless another
    process has made both since we looked.
    """
    try:
        is_new = not storage.schema_status(()).history
    except StorageError as error:
        raise StartError(f"There is no key file {path}, and {error}") from error
    if not is_new and not path.exists():
        raise StartError(
            f"The key file {path} is missing; put it back. If this database was made with "
            "AGENTBOX_SECRET_KEY, set that. Without it, what the database keeps sealed is lost."
        )


def _look_at_mode(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & stat.S_IWOTH:
        raise StartError(
            f"The key file {path} may be written by anybody on this machine. If you trust what is "
            f"in it, run: chmod 600 {path}"
        )
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        _log.warning("key_file_open_to_others", path=str(path), mode=f"{mode:04o}")


def _make(path: Path) -> None:
    """Write the file whole or not at all, so that kill -9 leaves no half key: link, then unlink.

    The draft's name is random: in containers two processes may have one process id.
    """
    draft = path.with_name(f"{path.name}.{os.urandom(8).hex()}.new")
    write_private(draft, base64.b64encode(os.urandom(32)) + b"\n", new=True)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first; its key counts
    finally:
        draft.unlink()
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def verify_root_secret(storage: Storage, secret: RootSecret) -> None:
    """Whether this database was made with this secret; on the first start, note that it is.

    Raises `StartError` if it was another one.
    """
    sealed = base64.b64encode(secret.seal(_CHECK_TEXT, place=_CHECK_PLACE)).decode()
    async with storage.transaction(read_only=True) as tx:
        there = await tx.markers.get("root_secret")
    if there is None:
        async with storage.transaction() as tx:
            await tx.markers.claim("root_secret", sealed)
            there = await tx.markers.get("root_secret")
    opens(secret, there or "")


def opens(secret: RootSecret, marker: str) -> None:
    """Raises `StartError` unless `marker`, which the database keeps, was made with `secret`."""
    secret.open(_decoded(marker), place=_CHECK_PLACE)


def _decoded(marker: str) -> bytes:
    try:
        return base64.b64decode(marker)
    except binascii.Error:
        return b""  # nothing opens it
