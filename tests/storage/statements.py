"""Every statement that the SQL kit can ever send, found without running it against anything."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from agentbox.model.access.roles import Role
from agentbox.model.api_keys import ApiKeyFilter, ApiKeyState
from agentbox.model.audit import AuditFilter
from agentbox.model.environments import EnvironmentFilter, EnvironmentStatus, GrantFilter
from agentbox.model.metrics import Aggregate, Level, Sample, SeriesQuery
from agentbox.model.users import Status, UserFilter
from agentbox.plugin import sql
from agentbox.plugin.sql.api_keys import SqlApiKeyStore
from agentbox.plugin.sql.audit import SqlAuditStore
from agentbox.plugin.sql.environments import SqlEnvironmentStore
from agentbox.plugin.sql.grants import SqlGrantStore
from agentbox.plugin.sql.metrics import SqlMetricStore, SqlReportStore
from agentbox.plugin.sql.sessions import SqlSessionStore
from agentbox.plugin.sql.users import SqlUserStore
from agentbox.plugin.sql.walks import MANY_GRANTS
from agentbox.plugin.storage import Page
from agentbox.testing.samples import NOON

VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


def constants() -> dict[str, str]:
    """The upper-case constants of the kit that are whole statements, by `module.NAME`.

    Also those in a mapping, each by its key: `module.NAME.key`.
    """
    found = {}
    for info in pkgutil.walk_packages(sql.__path__, sql.__name__ + "."):
        for name, value in vars(importlib.import_module(info.name)).items():
            each = value if isinstance(value, Mapping) else {"": value}
            for key, text in each.items():
                if name.isupper() and isinstance(text, str) and _is_whole(text):
                    found[f"{info.name.rpartition('.')[2]}.{name}.{key}".rstrip(".")] = text
    return found


def _is_whole(text: str) -> bool:
    """Not one with a place for a list, which is among those that are composed."""
    is_open = "{in}" in text or text.count("(") != text.count(")")
    return text.lstrip().startswith(VERBS) and not is_open


class Recorder:
    """A connection that keeps statements and answers nothing; every count is `counted`."""

    def __init__(self, counted: int = 0) -> None:
        self.statements: list[str] = []
        self._counted = counted

    async def fetch(self, sql: str, *values: Any) -> Sequence[Sequence[Any]]:
        self.statements.append(sql)
        return [[self._counted]] if sql.startswith("SELECT count") else []

    async def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self.statements.append(sql)

    async def lock(self, name: str) -> None: ...

    def instant(self, value: Any) -> datetime:
        return NOON


def user_filters() -> Iterable[UserFilter]:
    """Every combination of filters that makes another statement."""
    for role, status, search in itertools.product(
        (None, Role.USER), (None, Status.ACTIVE), (None, "x")
    ):
        yield UserFilter(role=role, status=status, search=search)


def key_filters() -> Iterable[ApiKeyFilter]:
    """The same of keys; a list of roles is as long as there are roles, at most."""
    roles = [None, *(tuple(Role)[:number] for number in range(len(Role) + 1))]
    for user_id, state, owner_roles, also_of in itertools.product(
        (None, "u"), (None, *ApiKeyState), roles, (None, "v")
    ):
        yield ApiKeyFilter(
            now=NOON, user_id=user_id, state=state, owner_roles=owner_roles, also_of=also_of
        )


def environment_filters() -> Iterable[EnvironmentFilter]:
    """The same of environments; a list of ids may be empty."""
    for status, user_id, search, label, granted_to, only in itertools.product(
        (None, EnvironmentStatus.RUNNING),
        (None, "u"),
        (None, "x"),
        (None, ("team", "blue")),
        (None, "v"),
        (None, (), ("a", "b")),
    ):
        yield EnvironmentFilter(
            status=status,
            user_id=user_id,
            search=search,
            label=label,
            granted_to=granted_to,
            only=only,
        )


GRANT_FILTERS = tuple(
    GrantFilter(user_id=user_id, environment_id=environment_id, only=only)
    for user_id, environment_id in (("u", None), (None, "e"))
    for only in (None, (), ("a", "b"))
)


def audit_filters() -> Iterable[AuditFilter]:
    """Every combination for the audit."""
    for actor, target, event, result, start, end in itertools.product(
        (None, "user:u"), (None, "user:v"), (None, "e.f"), (None, "ok"), (None, NOON), (None, NOON)
    ):
        yield AuditFilter(
            actor=actor, target=target, event=event, result=result, start=start, end=end
        )


async def composed_lists() -> list[str]:
    """Every list's statement."""
    db, of_many = Recorder(), Recorder(MANY_GRANTS)
    for page in (Page(10), Page(10, after=(NOON, "x"))):
        for environments in environment_filters():
            await SqlEnvironmentStore(db).list(environments, page, "v")
            await SqlEnvironmentStore(of_many).list(environments, page, "v")
        for grants in GRANT_FILTERS:
            await SqlGrantStore(db).list(grants, page)
        for users in user_filters():
            await SqlUserStore(db).list(users, page)
        for keys in key_filters():
            await SqlApiKeyStore(db).list(keys, page)
        await SqlSessionStore(db).list("u", NOON, page)
    for trail in audit_filters():
        await SqlAuditStore(db).list(trail, 10)
        await SqlAuditStore(db).list(trail, 10, (NOON, 1))
    return sorted({*db.statements, *of_many.statements})


async def composed_counts() -> list[str]:
    """Every count's statement."""
    db, of_many = Recorder(), Recorder(MANY_GRANTS)
    for environments in environment_filters():
        await SqlEnvironmentStore(db).count(environments)
        await SqlEnvironmentStore(of_many).count(environments)
    for grants in GRANT_FILTERS:
        await SqlGrantStore(db).count(grants)
    for users in user_filters():
        await SqlUserStore(db).count(users)
    for keys in key_filters():
        await SqlApiKeyStore(db).count(keys)
    return sorted({*db.statements, *of_many.statements})


async def composed_lookups() -> list[str]:
    """Look-ups of several ids at once."""
    db = Recorder()
    for ids in ((), ("a",), ("a", "b")):
        await SqlEnvironmentStore(db).granted(ids, "v")
        await SqlEnvironmentStore(db).standings(ids, "v")
        await SqlApiKeyStore(db).issued(ids)
        await SqlSessionStore(db).with_users(ids)
        await SqlReportStore(db).get(ids)
        await SqlMetricStore(db).put(NOON, [Sample("cpu_usage", 1.0, id_) for id_ in ids])
    return sorted(set(db.statements))


async def composed_charts() -> list[str]:
    """Every chart's statement."""
    db = Recorder()
    for level, aggregate in itertools.product(Level, Aggregate):
        query = SeriesQuery(
            type="cpu_usage",
            environment_id=None,
            start=NOON,
            end=NOON,
            step=timedelta(days=1),
            level=level,
            aggregate=aggregate,
        )
        await SqlMetricStore(db).points(query)
    return sorted(set(db.statements))


@cache
def every_statement() -> frozenset[str]:
    """Constants and compositions together."""
    composed = (composed_lists(), composed_counts(), composed_lookups(), composed_charts())
    return frozenset([*constants().values(), *(text for each in composed for text in _run(each))])


def shape(statement: str) -> str:
    """The same for all statements that differ in the length of a list of values alone."""
    if "IN ($" not in statement:
        return statement
    return re.sub(r"IN \(\$(, \$)*\)", "IN ($)", re.sub(r"\$\d+", "$", statement))


def _run(work: Any) -> list[str]:
    """The result of a coroutine that never waits for anything; works inside a running loop too."""
    try:
        work.send(None)
    except StopIteration as done:
        result: list[str] = done.value
        return result
    raise AssertionError("the recorder waits for nothing")
