"""The schema goes up and down, and says where it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from agentbox.errors import AgentboxError, SchemaError
from agentbox.plugin.migrations import MigrationFolder
from agentbox.plugin.storage import Storage
from agentbox.testing.samples import a_user
from agentbox.testing.storage.harness import StorageFactory, StorageTests, migrated


class MigrationTests(StorageTests):
    """Migrations."""

    @pytest.fixture
    def extra(self, tmp_path: Path, factory: StorageFactory) -> Sequence[MigrationFolder]:
        """The backend's folders and one of another plugin with two migrations."""
        folder = tmp_path / "extra's migrations [1] %20"
        folder.mkdir()
        for number, table in (("0001", "extra_one"), ("0002", "extra_two")):
            stem = folder / f"extra-{number}-{table}"
            stem.with_name(f"{stem.name}.sql").write_text(
                f"CREATE TABLE {table} (id text NOT NULL PRIMARY KEY);\n"
                f"INSERT INTO {table} (id) VALUES ('a;b');\n"
            )
            stem.with_name(f"{stem.name}.rollback.sql").write_text(f"DROP TABLE {table};\n")
        return (*factory.folders, MigrationFolder(plugin="extra", path=folder))

    async def test_an_empty_database_has_everything_pending(self, factory: StorageFactory) -> None:
        status = factory.make().schema_status(factory.folders)

        assert status.pending
        assert not status.applied
        assert not status.current

    async def test_going_up_applies_all_once(self, factory: StorageFactory) -> None:
        storage = factory.make()
        pending = storage.schema_status(factory.folders).pending

        assert tuple(storage.migrate(factory.folders)) == tuple(pending)
        assert tuple(storage.migrate(factory.folders)) == ()

        status = storage.schema_status(factory.folders)
        assert tuple(status.applied) == tuple(pending)
        assert status.current

    async def test_going_down_and_up_again_leaves_a_working_schema(
        self, factory: StorageFactory
    ) -> None:
        storage = await migrated(factory)
        async with storage.open(), storage.transaction() as tx:
            await tx.users.add(a_user())

        applied = storage.schema_status(factory.folders).applied
        assert tuple(storage.migrate(factory.folders, down_to="")) == tuple(reversed(applied))
        assert not storage.schema_status(factory.folders).applied
        storage.migrate(factory.folders)

        async with storage.open(), storage.transaction() as tx:
            assert await tx.users.get("user-1") is None
            await tx.users.add(a_user())

    async def test_a_plugin_s_migrations_go_onto_data(
        self, storage: Storage, factory: StorageFactory, extra: Sequence[MigrationFolder]
    ) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())

        done = await asyncio.to_thread(factory.make().migrate, extra)

        assert tuple(done) == ("extra-0001-extra_one", "extra-0002-extra_two")
        async with storage.transaction(read_only=True) as tx:
            assert await tx.users.get("user-1") == a_user()

    async def test_going_down_stops_where_it_is_told(
        self, factory: StorageFactory, extra: Sequence[MigrationFolder]
    ) -> None:
        storage = factory.make()
        storage.migrate(extra)

        assert tuple(storage.migrate(extra, down_to="extra-0001-extra_one")) == (
            "extra-0002-extra_two",
        )
        assert tuple(storage.schema_status(extra).pending) == ("extra-0002-extra_two",)
        with pytest.raises(SchemaError):
            storage.migrate(extra, down_to="no-such-migration")

    async def test_a_plugin_that_is_gone_leaves_orphans_that_do_no_harm(
        self, factory: StorageFactory, extra: Sequence[MigrationFolder]
    ) -> None:
        storage = factory.make()
        storage.migrate(extra)

        status = storage.schema_status(factory.folders)

        assert tuple(status.orphaned) == ("extra-0001-extra_one", "extra-0002-extra_two")
        assert status.current
        assert tuple(storage.migrate(factory.folders)) == ()

    async def test_going_down_goes_by_the_order_of_applying(
        self, factory: StorageFactory, extra: Sequence[MigrationFolder]
    ) -> None:
        """The order in which plugins are enabled may have changed since."""
        storage = await migrated(factory)
        await asyncio.to_thread(storage.migrate, extra)
        async with storage.open(), storage.transaction() as tx:
            await tx.users.add(a_user())
        turned = (extra[-1], *factory.folders)
        history = ["extra-0001-extra_one", "extra-0002-extra_two"]

        assert tuple(storage.schema_status(turned).applied)[-2:] == tuple(history)
        assert storage.migrate(turned, down_to=history[1]) == ()
        assert tuple(storage.migrate(turned, down_to=history[0])) == (history[1],)

        async with storage.open(), storage.transaction(read_only=True) as tx:
            assert await tx.users.get("user-1") == a_user()

    async def test_what_was_applied_again_is_the_last(
        self, factory: StorageFactory, extra: Sequence[MigrationFolder]
    ) -> None:
        storage = factory.make()
        storage.migrate(extra[-1:])
        storage.migrate(extra)
        own = factory.make().schema_status(factory.folders).applied

        first, second = "extra-0001-extra_one", "extra-0002-extra_two"
        assert tuple(storage.schema_status(extra).history) == (first, second, *own)
        assert tuple(storage.migrate(extra, down_to="")) == (*reversed(own), second, first)
        storage.migrate(extra)
        assert tuple(storage.schema_status(extra).history) == (*own, first, second)

    async def test_going_down_past_a_plugin_that_is_gone_is_refused(
        self, factory: StorageFactory, extra: Sequence[MigrationFolder]
    ) -> None:
        storage = factory.make()
        storage.migrate(extra)

        with pytest.raises(SchemaError, match="extra-0002-extra_two"):
            storage.migrate(factory.folders, down_to="")
        assert storage.schema_status(factory.folders).current
        assert storage.migrate(factory.folders, down_to="extra-0002-extra_two") == ()

    async def test_a_newer_schema_is_refused(
        self, factory: StorageFactory, extra: Sequence[MigrationFolder]
    ) -> None:
        storage = factory.make()
        storage.migrate(extra)
        for path in extra[-1].path.glob("extra-0002-*"):
            path.unlink()

        assert tuple(storage.schema_status(extra).ahead) == ("extra-0002-extra_two",)
        with pytest.raises(SchemaError, match="extra-0002-extra_two"):
            storage.migrate(extra)
        with pytest.raises(SchemaError):
            storage.migrate(extra, down_to="")

    async def test_what_a_newer_version_only_added_is_no_obstacle(
        self, factory: StorageFactory, extra: Sequence[MigrationFolder]
    ) -> None:
        storage, name = factory.make(), "extra-0003-more-additive"
        folder = extra[-1].path
        (folder / f"{name}.sql").write_text("CREATE TABLE extra_more (id text);\n")
        (folder / f"{name}.rollback.sql").write_text("DROP TABLE extra_more;\n")
        storage.migrate(extra)
        for path in folder.glob(f"{name}*"):
            path.unlink()

        status = storage.schema_status(extra)
        assert (status.newer, status.ahead, status.current) == ((name,), (), True)
        assert storage.migrate(extra) == ()
        with pytest.raises(SchemaError, match=name):
            storage.migrate(extra, down_to="")
        assert storage.migrate(extra, down_to=name) == ()

    async def test_an_edited_migration_is_refused(
        self, factory: StorageFactory, extra: Sequence[MigrationFolder]
    ) -> None:
        storage = factory.make()
        storage.migrate(extra)
        with (extra[-1].path / "extra-0001-extra_one.sql").open("a") as file:
            file.write("-- edited\n")

        assert tuple(storage.schema_status(extra).drifted) == ("extra-0001-extra_one",)
        with pytest.raises(SchemaError, match="extra-0001-extra_one"):
            storage.migrate(extra)

    async def test_an_earlier_migration_that_comes_later_is_refused(
        self, factory: StorageFactory, extra: Sequence[MigrationFolder]
    ) -> None:
        storage = factory.make()
        storage.migrate(extra)
        folder = extra[-1].path
        (folder / "extra-0001-late.sql").write_text("CREATE TABLE late (id text);\n")
        (folder / "extra-0001-late.rollback.sql").write_text("DROP TABLE late;\n")

        assert tuple(storage.schema_status(extra).out_of_order) == ("extra-0001-late",)
        with pytest.raises(SchemaError, match="extra-0001-late"):
            storage.migrate(extra)

    async def test_a_migration_that_fails_leaves_nothing_of_itself(
        self, factory: StorageFactory, extra: Sequence[MigrationFolder]
    ) -> None:
        storage = factory.make()
        broken = extra[-1].path / "extra-0002-extra_two.sql"
        whole = broken.read_text()
        broken.write_text(whole + "INSERT INTO extra_two (id) VALUES ('a;b');\n")

        with pytest.raises(AgentboxError, match="extra-0002-extra_two"):
            storage.migrate(extra)
        assert tuple(storage.schema_status(extra).pending) == ("extra-0002-extra_two",)

        broken.write_text(whole)
        assert tuple(storage.migrate(extra)) == ("extra-0002-extra_two",)

    async def test_a_missing_folder_is_refused(
        self, factory: StorageFactory, tmp_path: Path
    ) -> None:
        missing = MigrationFolder(plugin="extra", path=tmp_path / "nowhere")

        with pytest.raises(SchemaError, match="nowhere"):
            factory.make().schema_status((*factory.folders, missing))

    async def test_many_that_migrate_at_once_make_one_schema(self, factory: StorageFactory) -> None:
        done = await asyncio.gather(
            *(asyncio.to_thread(factory.make().migrate, factory.folders) for _ in range(4))
        )

        applied = factory.make().schema_status(factory.folders).applied
        assert sorted(map(len, done)) == [0, 0, 0, len(applied)]
