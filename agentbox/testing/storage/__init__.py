"""Whether a storage keeps the contract of `agentbox.plugin.storage`."""

from __future__ import annotations

from agentbox.testing.storage.changes import ChangeTests
from agentbox.testing.storage.crud import CrudTests
from agentbox.testing.storage.durability import DurabilityTests
from agentbox.testing.storage.errors import ErrorTests
from agentbox.testing.storage.harness import StorageFactory
from agentbox.testing.storage.lists import ListTests
from agentbox.testing.storage.migrations import MigrationTests
from agentbox.testing.storage.purge import PurgeTests
from agentbox.testing.storage.races import RaceTests
from agentbox.testing.storage.rollback import RollbackTests
from agentbox.testing.storage.text import TextTests
from agentbox.testing.storage.times import TimeTests
from agentbox.testing.storage.uniqueness import UniquenessTests

GROUPS = (
    CrudTests,
    ListTests,
    UniquenessTests,
    RaceTests,
    RollbackTests,
    ChangeTests,
    TimeTests,
    TextTests,
    PurgeTests,
    DurabilityTests,
    MigrationTests,
    ErrorTests,
)


class StorageSuite(
    CrudTests,
    ListTests,
    UniquenessTests,
    RaceTests,
    RollbackTests,
    ChangeTests,
    TimeTests,
    TextTests,
    PurgeTests,
    DurabilityTests,
    MigrationTests,
    ErrorTests,
):
    """Every promise of the storage contract, group by group.

    ```python
    class TestMyStorage(StorageSuite):
        @pytest.fixture
        def factory(self, tmp_path):
            return StorageFactory(
                make=lambda: MyStorage(tmp_path / "db"),
                unreachable=lambda: MyStorage(tmp_path / "missing" / "db"),
                folders=own_folders(),
            )
    ```

    Tests can be added, not replaced and not skipped.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        replaced = [name for name in vars(cls) if name.startswith("test_") and _in_suite(name)]
        if replaced:
            raise TypeError(f"{cls.__name__} replaces tests of the suite: {', '.join(replaced)}")


def _in_suite(name: str) -> bool:
    return any(hasattr(group, name) for group in GROUPS)


__all__ = ["GROUPS", "StorageFactory", "StorageSuite"]
