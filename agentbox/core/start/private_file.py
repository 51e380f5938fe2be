"""Small files for the owner's eyes alone."""

from __future__ import annotations

import os
from pathlib import Path


def write_private(path: Path, data: bytes, *, new: bool) -> None:
    """Write `data` to a file with mode 0600, whatever the umask, and wait until it is on disk.

    `new` refuses one that is there; else it is replaced, but never through a link. Leaves nothing
    behind if the disk is full. Raises OSError.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_EXCL if new else os.O_TRUNC)
    descriptor = os.open(path, flags, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
