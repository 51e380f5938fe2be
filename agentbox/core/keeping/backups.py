"""A backup and the key that opens it, kept and put back together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from agentbox.core.changes import Writing
from agentbox.core.start.private_file import write_private
from agentbox.core.start.root_secret import RootSecret, opens, parse_secrets
from agentbox.errors import StartError
from agentbox.model.principal import Operator, Origin
from agentbox.model.secret import Secret
from agentbox.plugin.migrations import MigrationFolder
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Storage


class Restored(Struct, frozen=True):
    """Where the database and the key are that were replaced; None if there was none."""

    database: Path | None
    key: Path | None = None


class Backups:
    """Of one storage, whose root secret is `configured` or stands in the storage's key file.

    Where the key goes along, it is in a file of the backup's name with `.key` at its end.
    """

    def __init__(self, storage: Storage, configured: Secret | None) -> None:
        self._storage = storage
        self._configured = configured

    def key_beside(self, backup: Path) -> Path:
        """Where the key of a backup is."""
        return backup.with_name(backup.name + ".key")

    @property
    def key_file(self) -> Path | None:
        """The key file that the database needs; None if the secret is configured."""
        return None if self._configured is not None else self._storage.default_secret_path

    def write(self, destination: Path, *, with_key: bool, replace: bool) -> None:
        """Write a backup, and its key if that is wanted; neither is made where it can't be whole.

        Raises `StartError` where there is no key to go along, and `StorageError`.
        """
        key = self._key_text() if with_key else None
        beside = self.key_beside(destination)
        if key is not None and not replace and os.path.lexists(beside):
            raise StartError(f"{beside} is there already.")
        self._storage.backup(destination, replace=replace)
        if key is not None:
            _write_key(beside, key)

    def restore(
        self,
        source: Path,
        folders: Sequence[MigrationFolder],
        *,
        at: datetime,
        with_key: bool,
    ) -> Restored:
        """Put a backup in the place of the database, and its key in the place of the key.

        Raises `StartError` unless the key that is there afterwards opens the backup, and what
        `Storage.restore` raises; then nothing has changed.
        """
        target = self._key_file_to_write() if with_key else None
        text = _read(self.key_beside(source)) if with_key else self._text()
        secret = RootSecret(parse_secrets(text, source="the key file"))

        def accept(marker: str | None) -> None:
            if marker is not None:
                opens(secret, marker)

        replaced = self._storage.restore(source, folders, at=at, accept=accept)
        kept = None
        if target is not None:
            kept = _set_aside(target, text, at)
            _write_key(target, text)
        return Restored(replaced, kept)

    def _text(self) -> str:
        if self._configured is not None:
            return self._configured.reveal()
        path = self._key_file_to_write()
        if not path.exists():
            raise StartError(
                f"The key file {path} is missing, and the backup can't be used without it. Put it "
                "there, or let --with-key take the one beside the backup."
            )
        return _read(path)

    def _key_text(self) -> str:
        text = _read(self._key_file_to_write())
        parse_secrets(text, source="the key file")
        return text

    def _key_file_to_write(self) -> Path:
        path = self.key_file
        if path is None:
            raise StartError(
                "There is no key file: AGENTBOX_SECRET_KEY gives the root secret. Keep that, and "
                "leave out --with-key."
            )
        return path


async def note_restore(storage: Storage, clock: Clock, source: Path) -> None:
    """Say in the trail, which is an older one now, that it is, and of which file."""
    async with storage.transaction() as tx:
        writing = Writing(tx, clock.now(), Operator().name, Origin())
        await writing.record("storage.restore", None, {"backup": source.name})


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except UnicodeDecodeError:
        raise StartError(f"The key file {path} can't be read: it is not ASCII.") from None
    except OSError as error:
        raise StartError(f"The key file {path} can't be read: {error.strerror}.") from None


def _write_key(path: Path, text: str) -> None:
    """The whole key or none: written beside, then renamed."""
    draft = path.with_name(f"{path.name}.{os.urandom(8).hex()}.new")
    try:
        write_private(draft, text.encode("ascii"), new=True)
        os.replace(draft, path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StartError(f"The key file {path} can't be written: {error.strerror}.") from None


def _set_aside(path: Path, text: str, at: datetime) -> Path | None:
    """Keep a key that is another one than `text`; where it is then."""
    if not path.exists() or _read(path) == text:
        return None
    kept = path.with_name(f"{path.name}.replaced-{at:%Y%m%dT%H%M%SZ}")
    while kept.exists():
        kept = kept.with_name(kept.name + "+")
    os.link(path, kept)
    return kept
