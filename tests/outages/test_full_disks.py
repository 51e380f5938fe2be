"""A disk with no room left under Postgres: writing is refused, and all else goes on."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.live import ADMIN_PASSWORD, Answer, Caller, Live
from tests.outages.servers import copy_of, on_postgres
from tests.postgres import Postgres, absent

LONG = "x" * 900
"""A description that soon fills the last page there is."""


@pytest.fixture
def small_disk(postgres: Postgres) -> Iterator[Path]:
    """A file system of 24 MB, of which a database takes a third, in a folder of the server's."""
    folder = postgres.folder / "small"
    postgres.make_folder(folder)
    size = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0777", "agentbox-test", str(folder)]
    try:
        done = subprocess.run(size, capture_output=True, check=False)
    except FileNotFoundError:
        absent("a small file system needs the command mount")
    if done.returncode:
        absent("a small file system needs the right to mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
async def small(small_disk: Path, postgres: Postgres, template: str) -> AsyncIterator[Live]:
    """A server whose database is on it."""
    data = small_disk / "data"
    postgres.make_folder(data)
    postgres.run(f"CREATE TABLESPACE small LOCATION '{data}'")
    try:
        with copy_of(postgres, template, "TABLESPACE small") as dsn:
            async with on_postgres(dsn) as live:
                yield live
    finally:
        postgres.run("DROP TABLESPACE small")


async def write(caller: Caller) -> Answer:
    return await caller.post("/api-keys", {"description": LONG})


async def fill(small_disk: Path, caller: Caller) -> Path:
    """Fill the disk by a file and then its database's last pages, until writes are refused."""
    ballast = small_disk / "ballast"
    with ballast.open("wb") as file:
        try:
            while True:
                file.write(os.urandom(65536))
                file.flush()
        except OSError:
            pass
    refused = 0
    async with asyncio.timeout(60):
        while refused < 3:
            answer = await write(caller)
            assert answer.status in {201, 507}, answer.text
            refused = refused + 1 if answer.status == 507 else 0
    return ballast


async def test_only_writes_are_refused_while_the_disk_is_full(
    small: Live, small_disk: Path
) -> None:
    # ST-10 on Postgres
    admin = await small.admin()
    text, _ = await small.make_key(admin)
    ballast = await fill(small_disk, admin)
    before = (await admin.get("/api-keys?limit=1")).body["total"]

    refused = await write(admin)
    answers = [
        await admin.get("/auth/me"),
        await small.with_key(text).get("/auth/me"),
        await admin.get("/users"),
        await small.anonymous.get("/healthz"),
        await small.anonymous.get("/readyz"),
    ]

    assert (refused.status, refused.error) == (507, "storage_full")
    assert LONG not in refused.text
    assert [answer.status for answer in answers] == [200] * 5
    assert (await admin.get("/api-keys?limit=1")).body["total"] == before
    ballast.unlink()
    assert (await write(admin)).status == 201
    assert await small.sign_in("admin", ADMIN_PASSWORD)
