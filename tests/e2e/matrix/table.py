"""All rows, by route."""

from __future__ import annotations

from tests.e2e.matrix.row import Row
from tests.e2e.matrix.rows import (
    api_keys,
    auth,
    environments,
    identities,
    metrics,
    permissions,
    system,
    users,
)

ROWS: dict[str, Row] = {
    row.route: row
    for part in (auth, identities, users, environments, permissions, api_keys, metrics, system)
    for row in part.ROWS
}
