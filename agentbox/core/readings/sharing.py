"""What the processes of one server tell each other of their readings: files in a folder of theirs.

Each process writes its own file anew, under another name first, so that nobody ever reads half of
one. It holds a lock on a file beside it for as long as it lives, however it ends. What a dead one
has counted stays: the next process that starts adds it to `ENDED`, and notes there whose it was,
before the files are taken away.

A file begins with a line that says which version of agentbox has written it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from agentbox import __version__
from agentbox.core.readings.adding import kept, lasting
from agentbox.core.readings.checking import encode, fits
from agentbox.plugin.metrics import Family

PATIENCE: Final = 3.0
"""Seconds that a process waits for its turn: who is frozen in its own keeps nobody for ever."""

COURTESY: Final = 0.25
"""Seconds for which who wants to read lets those go first who have waited longer."""

ENDED: Final = "ended"
QUEUE: Final = "queue"
TURN: Final = "turn"
_LIFE: Final = ".life"
_TOLD: Final = ".told"
_NEW: Final = ".new"

_VERSION: Final = __version__.encode()
_PAUSE: Final = 0.001

_log = structlog.get_logger("agentbox.readings")


class _Told(Struct, frozen=True):
    """One file. `of` names the processes that it speaks of."""

    of: tuple[str, ...]
    families: tuple[Family, ...]


_decode: Final = msgspec.msgpack.Decoder(_Told).decode


class SharedReadings:
    """One process in the folder that the descriptor `folder` is of. All of it blocks, for moments;
    for at most `patience` seconds if another process stands still where it may not be disturbed.

    Raises OSError where the folder can't be written, or is gone.
    """

    def __init__(self, folder: int, patience: float = PATIENCE) -> None:
        self._folder = folder
        self._patience = patience
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._life: int | None = None
        self._unreadable: set[str] = set()

    def join(self) -> None:
        """Be one of the processes, and add up those that have ended. If it raises, it may be tried
        again."""
        with self._turn(fcntl.LOCK_EX):
            self._life = self._open(self._name + _LIFE, os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(self._life, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._add_up()
                self._sweep()
            except BaseException:
                self.leave()
                raise

    def leave(self) -> None:
        """End, as dying does."""
        if self._life is not None:
            life, self._life = self._life, None
            _let_go(life)

    def tell(self, families: Sequence[Family]) -> None:
        """What this process has measured so far. Raises many things, as `encode` does, where that
        can't be told."""
        self._write(self._name + _TOLD, _Told((self._name,), tuple(families)))
        self._keep_from_cleaners()

    def of_others(self) -> Iterator[Sequence[Family]]:
        """What the others have told last, and after that, of those that have ended, what they have
        counted."""
        with self._turn(fcntl.LOCK_SH):
            found = sorted(self._found(), key=lambda each: not each[1])
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
            self._write(ENDED, _Told(names, tuple(kept(told.families for told in dead))))
            for name in names:
                self._forget(name)

    def _sweep(self) -> None:
        """Take away what is left of those that ended before they had told anything, or over it."""
        files = set(self._files())
        for file in files:
            name = file.removesuffix(_LIFE).removesuffix(_NEW)
            of_nothing = file.endswith(_LIFE) and name + _TOLD not in files
            if (of_nothing or file.endswith(_NEW)) and not self._lives(name):
                self._unlink(file)

    def _forget(self, name: str) -> None:
        for suffix in (_TOLD, _LIFE):
            self._unlink(name + suffix)

    def _unlink(self, file: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(file, dir_fd=self._folder)

    def _keep_from_cleaners(self) -> None:
        """Let no file look old, for there are programs that take away what nobody has changed."""
        with suppress(OSError):
            if self._life is not None:
                os.utime(self._life)
            for name in (QUEUE, TURN, ENDED):
                os.utime(name, dir_fd=self._folder, follow_symlinks=False)

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
            _let_go(life)
        return False

    @contextmanager
    def _turn(self, how: int) -> Iterator[None]:
        """Nobody adds up while somebody reads, so that nothing is counted twice or not at all."""
        file = self._open(TURN, os.O_RDWR | os.O_CREAT)
        try:
            self._queue_for(file, how)
            yield
        finally:
            _let_go(file)

    def _queue_for(self, file: int, how: int) -> None:
        """Those who read share their turn, and who adds up would never have one while ever new
        ones come; so all stand in a queue first, but not behind somebody who stands still."""
        queue = self._open(QUEUE, os.O_RDWR | os.O_CREAT)
        try:
            with suppress(TimeoutError):
                _wait_for(queue, fcntl.LOCK_EX, COURTESY)
            _wait_for(file, how, self._patience)
        finally:
            _let_go(queue)

    def _read(self, name: str) -> _Told | None:
        try:
            file = self._open(name, os.O_RDONLY)
        except FileNotFoundError:
            return None
        with open(file, "rb") as opened:
            version, _, text = opened.read().partition(b"\n")
        try:
            told = _decode(text)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            # One of another version, whose workers are being renewed, may be of another form.
            if version == _VERSION and name not in self._unreadable:
                self._unreadable.add(name)
                _log.error("readings_unreadable", file=name, error=str(error))
            return None
        return _Told(told.of, tuple(filter(fits, told.families)))

    def _write(self, name: str, told: _Told) -> None:
        text = encode(told)
        new = self._open(self._name + _NEW, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        with open(new, "wb") as file:
            file.write(b"%b\n%b" % (_VERSION, text))
        self._rename(self._name + _NEW, name)

    def _rename(self, old: str, new: str) -> None:
        os.rename(old, new, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def _open(self, name: str, flags: int) -> int:
        return os.open(name, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600, dir_fd=self._folder)


def _wait_for(file: int, how: int, patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            return fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise TimeoutError("another process stands still in its turn") from None
        time.sleep(_PAUSE)


def _let_go(file: int) -> None:
    """Of the lock as well: a child that was forked meanwhile has the file open, too."""
    try:
        fcntl.flock(file, fcntl.LOCK_UN)
    finally:
        os.close(file)
