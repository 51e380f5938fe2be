"""Along which table a list of environments is walked, newest first, and what it compares there."""

from __future__ import annotations

from typing import NamedTuple

from agentbox.model.environments import EnvironmentFilter
from agentbox.plugin.sql.conditions import Conditions, contains
from agentbox.plugin.sql.driver import Connection

# Of a label and a user's grants the fewer are walked. How many rows have a label is not asked: from
# so many grants on, the label is walked, which takes no longer if it is on every row.
MANY_GRANTS = 2000
COUNT_GRANTS = (
    "SELECT count(*) FROM (SELECT 1 FROM grants WHERE user_id = $1 LIMIT $2) AS first_grants"
)

IN_IDS = "{id} IN ({in})"
IS = "{column} = {}"
# The same, but never by the index of that column alone, which lacks what else is asked for.
ALSO_IS = "coalesce({column}, '') = {}"
HAS_NAME = r"{column} LIKE {} ESCAPE '\'"
HAS_LABEL = (
    "EXISTS (SELECT 1 FROM environment_labels WHERE environment_labels.environment_id = {id}"
    " AND environment_labels.label = {0} AND environment_labels.value = {1})"
)
LABEL_IS = "(environment_labels.label = {0} AND environment_labels.value = {1})"
IS_GRANTED = (
    "EXISTS (SELECT 1 FROM grants WHERE grants.user_id = {} AND grants.environment_id = {id})"
)
GRANTED_TO = "grants.user_id = {}"
# Looked up in the order of the walk, so that one look-up lies beside the other: four times as fast
# as by the primary key.
GRANTED_ON_LABELLED = (
    "grants.environment_created_at = environment_labels.created_at"
    " AND grants.environment_id = environment_labels.environment_id"
)


class Walk(NamedTuple):
    """A table with one row for each environment that may be in the list, and its columns."""

    table: str
    created_at: str
    id: str
    name_key: str
    status: str
    user_id: str

    def narrow(self, where: EnvironmentFilter, conditions: Conditions) -> None:
        """Add what `where` asks for, and nothing that another table has to be joined for."""
        if where.granted_to is not None:
            text = GRANTED_TO if self.has_grants else IS_GRANTED.replace("{id}", self.id)
            conditions.add(text, where.granted_to)
        if where.label is not None:
            text = LABEL_IS if self.has_labels else HAS_LABEL.replace("{id}", self.id)
            conditions.add_pair(text, where.label)
        if self is LABELS_AND_GRANTS:
            conditions.add_plain(GRANTED_ON_LABELLED)
        # Before what nearly every row may pass: a database compares in the order of the conditions.
        if where.search is not None:
            text = HAS_NAME.replace("{column}", self.name_key)
            conditions.add(text, contains(where.search.casefold()))
        equals = IS if self is not ALL or self._goes_by_one_index(where) else ALSO_IS
        for column, value in ((self.status, where.status), (self.user_id, where.user_id)):
            if value is not None:
                conditions.add(equals.replace("{column}", column), value)
        if where.only is not None:
            conditions.add_in(IN_IDS.replace("{id}", self.id), where.only)

    @property
    def has_grants(self) -> bool:
        """Whether its rows are grants."""
        return self in (GRANTS, LABELS_AND_GRANTS)

    @property
    def has_labels(self) -> bool:
        """Whether its rows are labels."""
        return self in (LABELS, LABELS_AND_GRANTS)

    @staticmethod
    def _goes_by_one_index(where: EnvironmentFilter) -> bool:
        asked = (where.status, where.user_id, where.search, where.only)
        return sum(each is not None for each in asked) == 1


ALL = Walk(
    table="environments",
    created_at="environments.created_at",
    id="environments.id",
    name_key="environments.name_key",
    status="environments.status",
    user_id="environments.user_id",
)
LABELS = Walk(
    table="environment_labels",
    created_at="environment_labels.created_at",
    id="environment_labels.environment_id",
    name_key="environment_labels.name_key",
    status="environment_labels.status",
    user_id="environment_labels.user_id",
)
GRANTS = Walk(
    table="grants",
    created_at="grants.environment_created_at",
    id="grants.environment_id",
    name_key="grants.environment_name_key",
    status="grants.environment_status",
    user_id="grants.environment_user_id",
)
# CROSS JOIN says to SQLite that labels are walked and grants looked up.
LABELS_AND_GRANTS = LABELS._replace(table="environment_labels CROSS JOIN grants")


async def walk_of(where: EnvironmentFilter, db: Connection) -> Walk:
    """The table with the fewest rows to walk; ids that are named are looked up one by one."""
    if where.only is not None:
        return ALL
    if where.label is None:
        return ALL if where.granted_to is None else GRANTS
    if where.granted_to is None:
        return LABELS
    return LABELS_AND_GRANTS if await _many_grants(where.granted_to, db) else GRANTS


async def _many_grants(user_id: str, db: Connection) -> bool:
    rows = await db.fetch(COUNT_GRANTS, user_id, MANY_GRANTS)
    return int(rows[0][0]) >= MANY_GRANTS
