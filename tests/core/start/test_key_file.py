"""The key file: made once, before the database, and for its owner alone."""

from __future__ import annotations

import base64
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentbox.core.start import root_secret as module
from agentbox.core.start.root_secret import RootSecret, parse_secrets, root_secret
from agentbox.errors import StartError
from agentbox.model.secret import Secret
from agentbox_sqlite.schema import own_folders
from agentbox_sqlite.storage import SqliteStorage
from tests.core.world import Recorder

pytestmark = pytest.mark.sqlite_alone("the key file beside the database")

ONE = b"1" * 32
TEXT = base64.b64encode(ONE).decode()
PLACE = "signing_keys:private:k1"


@pytest.fixture
def closed(tmp_path: Path) -> SqliteStorage:
    """A storage whose key file is not there yet."""
    return SqliteStorage(tmp_path / "agentbox.db")


def key_file_of(storage: SqliteStorage) -> Path:
    assert storage.default_secret_path is not None
    return storage.default_secret_path


@pytest.fixture
def key_file(closed: SqliteStorage) -> Path:
    return key_file_of(closed)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(module, "_log", recorder)
    return recorder


@pytest.fixture
def wide_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_database_whose_key_file_is_gone_does_not_start_and_gets_no_other(
    closed: SqliteStorage, key_file: Path
) -> None:
    root_secret(None, closed)
    closed.migrate(own_folders())
    key_file.unlink()
    before = closed.path.read_bytes()

    with pytest.raises(StartError, match=r"agentbox\.db\.key is missing; put it back"):
        root_secret(None, closed)
    assert list(key_file.parent.glob("*.key*")) == []
    assert closed.path.read_bytes() == before


def test_it_starts_again_once_the_key_file_is_back(closed: SqliteStorage, key_file: Path) -> None:
    sealed = root_secret(None, closed).seal(b"text", place=PLACE)
    closed.migrate(own_folders())
    kept = key_file.rename(key_file.with_name("kept"))
    with pytest.raises(StartError):
        root_secret(None, closed)
    kept.rename(key_file)

    assert root_secret(None, closed).open(sealed, place=PLACE) == b"text"


# Another process may make the key and the schema between our two looks.
def test_a_key_file_that_another_process_made_meanwhile_is_taken(
    closed: SqliteStorage, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = closed.schema_status

    def after_another_started(folders: Any) -> Any:
        key_file.write_text(TEXT)
        key_file.chmod(0o600)
        closed.migrate(own_folders())
        return real(folders)

    monkeypatch.setattr(closed, "schema_status", after_another_started)
    sealed = root_secret(None, closed).seal(b"text", place=PLACE)

    assert RootSecret([ONE]).open(sealed, place=PLACE) == b"text"


def test_a_damaged_database_without_a_key_file_gets_none(
    closed: SqliteStorage, key_file: Path
) -> None:
    closed.path.write_bytes(b"this is no database" * 100)

    with pytest.raises(StartError):
        root_secret(None, closed)
    assert not key_file.exists()


# OP-03
@pytest.mark.parametrize("mode", [0o602, 0o606, 0o666, 0o777])
def test_a_key_file_that_anybody_may_write_is_refused(
    closed: SqliteStorage, key_file: Path, mode: int
) -> None:
    root_secret(None, closed)
    key_file.chmod(mode)

    with pytest.raises(StartError, match="chmod 600"):
        root_secret(None, closed)


# OP-03
@pytest.mark.parametrize("mode", [0o640, 0o660, 0o604, 0o644])
def test_a_key_file_that_others_may_read_is_warned_of(
    closed: SqliteStorage, key_file: Path, log: Recorder, mode: int
) -> None:
    root_secret(None, closed)
    key_file.chmod(mode)
    root_secret(None, closed)

    assert [(name, values["mode"]) for name, values in log.lines] == [
        ("key_file_open_to_others", f"{mode:04o}")
    ]


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_file_of_its_owner_alone_is_nothing_to_speak_of(
    closed: SqliteStorage, key_file: Path, log: Recorder, mode: int
) -> None:
    root_secret(None, closed)
    key_file.chmod(mode)
    root_secret(None, closed)

    assert log.lines == []


def test_a_configured_secret_makes_no_file(closed: SqliteStorage, key_file: Path) -> None:
    root_secret(Secret(TEXT), closed)

    assert not key_file.exists()


def test_a_storage_without_a_place_for_it_wants_it_configured(closed: SqliteStorage) -> None:
    closed.default_secret_path = None

    with pytest.raises(StartError, match="AGENTBOX_SECRET_KEY"):
        root_secret(None, closed)


# ST-11: the key file is 0600
@pytest.mark.usefixtures("wide_umask")
def test_the_key_file_is_its_owners_alone(closed: SqliteStorage, key_file: Path) -> None:
    root_secret(None, closed)

    assert key_file.stat().st_mode & 0o777 == 0o600


def test_the_file_holds_the_secret_that_counts(closed: SqliteStorage, key_file: Path) -> None:
    sealed = root_secret(None, closed).seal(b"text", place=PLACE)

    assert RootSecret(parse_secrets(key_file.read_text())).open(sealed, place=PLACE) == b"text"


def test_no_draft_is_left_beside_it(closed: SqliteStorage, key_file: Path) -> None:
    root_secret(None, closed)

    assert [path.name for path in key_file.parent.iterdir()] == [key_file.name]


# ST-02
@pytest.mark.parametrize("step", ["fchmod", "write", "fsync", "link"])
def test_a_death_while_it_is_made_leaves_a_next_start_that_works(
    closed: SqliteStorage, key_file: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", die)
        patched.setattr(os, step, die)
        with pytest.raises(Killed):
            root_secret(None, closed)
    root_secret(None, closed)

    assert len(parse_secrets(key_file.read_text())) == 1


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"hunter2-hunter2-hunter2", b"\xff\xfe", b"AAAA\n"], ids=repr
)
def test_a_key_file_that_holds_no_secret_is_named_and_not_shown(
    closed: SqliteStorage, key_file: Path, content: bytes
) -> None:
    key_file.write_bytes(content)

    with pytest.raises(StartError) as refused:
        root_secret(None, closed)
    assert str(key_file) in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_key_file_that_is_a_folder_is_named(closed: SqliteStorage, key_file: Path) -> None:
    key_file.mkdir()

    with pytest.raises(StartError, match=r"agentbox\.db\.key"):
        root_secret(None, closed)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="nowhere"):
        root_secret(None, SqliteStorage(tmp_path / "nowhere" / "agentbox.db"))


def _start(path: str, barrier: object, answers: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    secret = root_secret(None, SqliteStorage(Path(path)))
    answers.put(secret.seal(b"text", place=PLACE))  # type: ignore[attr-defined]


# ST-07, as far as the root secret
def test_of_processes_that_start_at_once_all_have_one_secret(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(4), context.Queue()
    path = tmp_path / "agentbox.db"
    started = [context.Process(target=_start, args=(str(path), barrier, answers)) for _ in range(4)]
    for process in started:
        process.start()
    sealed = [answers.get(timeout=60) for _ in started]
    for process in started:
        process.join(timeout=60)
    mine = root_secret(None, SqliteStorage(path))

    assert [mine.open(one, place=PLACE) for one in sealed] == [b"text"] * 4


# In containers every process may be number 1.
def test_processes_of_one_number_do_not_share_a_draft(
    closed: SqliteStorage, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_link = os.link
    seen: list[bytes] = []

    def link_while_another_starts(draft: Path, path: Path) -> None:
        monkeypatch.setattr(os, "link", real_link)
        root_secret(None, closed)
        seen.append(key_file.read_bytes())
        real_link(draft, path)

    monkeypatch.setattr(os, "getpid", lambda: 1)
    monkeypatch.setattr(os, "link", link_while_another_starts)
    root_secret(None, closed)

    assert seen == [key_file.read_bytes()]
