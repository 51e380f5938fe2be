"""The SQL kit: every store, written once in SQL that SQLite (3.37+) and Postgres both take.

A SQL backend brings a `Connection`, which runs statements and maps errors, a `Storage` that opens
`SqlTransaction`s over it, a `MigrationTarget`, and its migrations.
"""

from agentbox.plugin.sql.driver import Connection, Row, Value, unique_violation
from agentbox.plugin.sql.transaction import Endings, SqlTransaction

__all__ = ["Connection", "Endings", "Row", "SqlTransaction", "Value", "unique_violation"]
