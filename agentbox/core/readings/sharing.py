"""What the processes of one server tell each other of their readings: files in a folder of theirs.

Each process writes its own file anew, under another name first, so that nobody ever reads half of
one. It holds a lock on a file beside it for as long as it lives, however it ends. What a dead one
has counted stays: the next process that starts adds it to `ENDED`, and notes there whose it was,
before the files are taken away.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import msgspec
from msgspec import Struct

from agentbox.core.readings.adding import added, lasting
from agentbox.plugin.metrics import Family

ENDED: Final = "ended"
TURN: Final = "turn"
_LIFE: Final = ".life"
_TOLD: Final = ".told"
_NEW: Final = ".new"


class _Told(Struct, frozen=True):
    """One file. `of` names the processes that it speaks of."""

    of: tuple[str, ...]
    families: tuple[Family, ...]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Told).decode


class SharedReadings:
    """One process in the folder that the descriptor `folder` is of. All of it blocks, for moments.

    Raises OSError where the folder can't be written, or is gone.
    """

    def __init__(self, folder: int) -> None:
        self._folder = folder
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._life: int | None = None

    def join(self) -> None:
        """Be one of the processes, and add up those that have ended."""
        with self._turn(fcntl.LOCK_EX):
            self._life = self._open(self._name + _LIFE, os.O_RDWR | os.O_CREAT)
            fcntl.flock(self._life, fcntl.LOCK_EX)
            self._add_up()

    def leave(self) -> None:
        """End, as dying does."""
        if self._life is not None:
            os.close(self._life)
            self._life = None

    def tell(self, families: Sequence[Family]) -> None:
        """What this process has measured so far."""
        self._write(self._name + _TOLD, _Told((self._name,), tuple(families)))

    def of_others(self) -> Iterator[Sequence[Family]]:
        """What the others have told last; of those that have ended, what they have counted."""
        with self._turn(fcntl.LOCK_SH):
            found = list(self._found())
        for told, lives in found:
            if told.of != (self._name,):
                yield told.families if lives else lasting(told.families)

    def _add_up(self) -> None:
        """Make one file of those of all processes that have ended."""
        before = self._read(ENDED)
        for name in () if before is None else before.of:  # by one who died over it
            self._forget(name)
        dead = [told for told, lives in self._found() if not lives]
        already = () if before is None else before.of
        names = tuple(name for told in dead if told.of != already for name in told.of)
        if names:
            counted = lasting(added(told.families for told in dead))
            self._write(ENDED, _Told(names, tuple(counted)))
            for name in names:
                self._forget(name)

    def _forget(self, name: str) -> None:
        for suffix in (_TOLD, _LIFE):
            with suppress(FileNotFoundError):
                os.unlink(name + suffix, dir_fd=self._folder)

    def _found(self) -> Iterator[tuple[_Told, bool]]:
        """Each file, and whether its process lives. One that is among the ended counts once."""
        ended = self._read(ENDED)
        if ended is not None:
            yield ended, False
        for file in self._files():
            name = file.removesuffix(_TOLD)
            if file == name or (ended is not None and name in ended.of):
                continue
            told = self._read(file)
            if told is not None:
                yield told, self._lives(name)

    def _files(self) -> list[str]:
        """All names in the folder.

        Read by a descriptor of its own: those that were inherited have one place in the list
        together, so that who reads at the same time goes on where another is.
        """
        listing = self._open(".", os.O_RDONLY | os.O_DIRECTORY)
        try:
            return os.listdir(listing)
        finally:
            os.close(listing)

    def _lives(self, name: str) -> bool:
        if name == self._name:
            return True
        try:
            life = self._open(name + _LIFE, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(life, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(life)
        return False

    @contextmanager
    def _turn(self, how: int) -> Iterator[None]:
        """Nobody adds up while somebody reads, so that nothing is counted twice or not at all."""
        file = self._open(TURN, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(file, how)
            yield
        finally:
            os.close(file)

    def _read(self, name: str) -> _Told | None:
        try:
            file = self._open(name, os.O_RDONLY)
        except FileNotFoundError:
            return None
        with open(file, "rb") as opened:
            try:
                return _decode(opened.read())
            except msgspec.MsgspecError:  # of another version, whose workers are being renewed
                return None

    def _write(self, name: str, told: _Told) -> None:
        new = self._open(self._name + _NEW, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        with open(new, "wb") as file:
            file.write(_encode(told))
        self._rename(self._name + _NEW, name)

    def _rename(self, old: str, new: str) -> None:
        os.rename(old, new, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def _open(self, name: str, flags: int) -> int:
        return os.open(name, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600, dir_fd=self._folder)
