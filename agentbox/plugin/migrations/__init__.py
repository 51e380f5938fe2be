"""Migrations: folders of SQL files, what is applied of them, and the runner.

A backend implements `MigrationTarget`, and its `Storage.schema_status` and `Storage.migrate` call
the functions of the same name here. This package is the only home of yoyo.
"""

from agentbox.plugin.migrations.additive import is_additive
from agentbox.plugin.migrations.folders import Migration, MigrationFolder, read_folders
from agentbox.plugin.migrations.status import (
    Applied,
    SchemaStatus,
    require_known,
    schema_status,
)
from agentbox.plugin.migrations.target import (
    BOOKKEEPING,
    SELECT_APPLIED,
    MigrationTarget,
    migrate,
)

__all__ = [
    "BOOKKEEPING",
    "SELECT_APPLIED",
    "Applied",
    "Migration",
    "MigrationFolder",
    "MigrationTarget",
    "SchemaStatus",
    "is_additive",
    "migrate",
    "read_folders",
    "require_known",
    "schema_status",
]
