"""The files of a database, who may read them, and the lock beside it.

Only the owner may: the database, `-wal`, `-shm` and `.lock` are 0600 whatever the umask. SQLite
makes `-wal` and `-shm` with the mode of the database, so it is enough to make that ourselves.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentbox.errors import StorageError

PRIVATE = 0o600


def require_folder(path: Path) -> None:
    """Raises `StorageError` if the database can't be where it is said to be."""
    if not path.parent.is_dir():
        raise StorageError(f"The folder {path.parent} of the database {path.name} does not exist.")
    if path.exists() and not path.is_file():
        raise StorageError(f"The database {path} is a folder or a device, not a file.")


def make_private(path: Path) -> None:
    """Create an empty file for the owner alone, or make the one that is there so.

    An existing file is never opened here: closing any descriptor of a database drops the locks
    that SQLite holds on it in this process. Only a file of our own is changed.
    """
    try:
        os.close(_create(path))
    except FileExistsError:
        status = path.stat()
        ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
        if ours and stat.S_IMODE(status.st_mode) & 0o077:
            with contextlib.suppress(PermissionError):
                path.chmod(PRIVATE)
    except OSError as error:
        raise StorageError(f"The file {path} can't be made: {error.strerror}.") from error


def _create(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    os.fchmod(descriptor, PRIVATE)
    return descriptor


class FileLock:
    """An exclusive flock on `<database>.lock`; it goes when the process dies.

    Who holds it may checkpoint. Not re-entrant; use each object in one thread at a time.
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._descriptor: int | None = None

    def try_acquire(self) -> bool:
        """True if it is ours now; never waits. Raises `StorageError` if the file can't be made."""
        if self._path.is_symlink():
            raise StorageError(f"{self._path} is a link; remove it.")
        make_private(self._path)
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            raise StorageError(f"{self._path} can't be opened: {error.strerror}.") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give it back, if it is ours. The file stays: removing it would let two hold it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @contextmanager
    def held(self, patience: float) -> Iterator[None]:
        """Wait up to `patience` seconds, blocking the thread. Raises `StorageError` after that."""
        deadline = time.monotonic() + patience
        while not self.try_acquire():
            if time.monotonic() > deadline:
                raise busy(self._path)
            time.sleep(0.02)
        try:
            yield
        finally:
            self.release()


def busy(path: Path) -> StorageError:
    """The error for a lock that another process does not give back."""
    return StorageError(f"Another process holds {path}; try again when it is done.")
