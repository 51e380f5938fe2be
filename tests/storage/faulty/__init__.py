"""Storages that break one promise each, to see whether the suite notices."""

from __future__ import annotations

from collections.abc import Mapping

from agentbox_sqlite.storage import SqliteStorage
from tests.storage.faulty import (
    audit,
    environments,
    identities,
    jobs,
    keys,
    levels,
    lists,
    metrics,
    people,
    rates,
    reports,
    sessions,
    throttles,
)

FAULTS: Mapping[type[SqliteStorage], tuple[type, str]] = {
    **people.FAULTS,
    **identities.FAULTS,
    **keys.FAULTS,
    **environments.FAULTS,
    **lists.FAULTS,
    **sessions.FAULTS,
    **audit.FAULTS,
    **throttles.FAULTS,
    **rates.FAULTS,
    **jobs.FAULTS,
    **reports.FAULTS,
    **metrics.FAULTS,
    **levels.FAULTS,
}
"""Each fault, the group that must notice it, and the test by which it does."""
