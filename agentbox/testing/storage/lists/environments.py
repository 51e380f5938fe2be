"""Lists of environments: every combination of filters, held against what Python makes of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import msgspec
import pytest

from agentbox.model.access.roles import Permission
from agentbox.model.environments import (
    Environment,
    EnvironmentFilter,
    EnvironmentStatus,
    SeenEnvironment,
)
from agentbox.plugin.storage import Page, Storage, Transaction
from agentbox.testing.samples import NOON, TICK, a_grant, a_user, an_environment
from agentbox.testing.storage.harness import StorageTests

ALL = Page(100)
VIEWER = "viewer"

ENVIRONMENTS = (
    an_environment("a", user_id="1", name="Box", labels={"team": "blue"}),
    an_environment("b", user_id="1", name="box 2", labels={"team": "Blue", "blue": "team"}),
    an_environment(
        "c",
        user_id="2",
        name="A BOX",
        status=EnvironmentStatus.FAILED,
        labels={"team": "blue", "tier": "gpu"},
    ),
    an_environment("d", user_id="2", name="100%_\\x", created_at=NOON + TICK),
    an_environment("e", user_id="1", name="100 x", created_at=NOON - TICK, labels={"Team": "blue"}),
    an_environment("f", user_id="2", name="boxes", labels={"team": "blue"}),
    an_environment("g", user_id="1", name="STRASSE Ärger", status=EnvironmentStatus.FAILED),
    an_environment("h", user_id="2", name="Straße ärger ΣΑΣ", labels={"team": ""}),
)

GRANTED = {
    "a": Permission.OWNER,
    "c": Permission.VIEWER,
    "e": Permission.EDITOR,
    "f": Permission.VIEWER,
    "h": Permission.OWNER,
}
"""What the viewer was granted; somebody else was granted something on every other one."""


def fits(environment: Environment, where: EnvironmentFilter, granted: Iterable[str]) -> bool:
    """Whether a list holds it; `granted` are the ids that `granted_to` was granted."""
    return (
        (where.status is None or environment.status is where.status)
        and (where.user_id is None or environment.user_id == where.user_id)
        and (where.search is None or where.search.casefold() in environment.name.casefold())
        and (where.label is None or where.label in environment.labels.items())
        and (where.granted_to is None or environment.id in granted)
        and (where.only is None or environment.id in where.only)
    )


def expected(where: EnvironmentFilter) -> list[SeenEnvironment]:
    """The whole list, as the viewer sees it."""
    newest_first = sorted(ENVIRONMENTS, key=lambda each: (each.created_at, each.id), reverse=True)
    granted = GRANTED if where.granted_to == VIEWER else ()
    return [
        SeenEnvironment(each, GRANTED.get(each.id))
        for each in newest_first
        if fits(each, where, granted)
    ]


def filters() -> Iterable[EnvironmentFilter]:
    """Every combination, of values that are there and some that are not."""
    for status, user_id, search, label, granted_to, only in itertools.product(
        (None, EnvironmentStatus.FAILED, EnvironmentStatus.PENDING),
        (None, "1"),
        (None, "bOx", "none"),
        (None, ("team", "blue"), ("team", "nobody's")),
        (None, VIEWER, "1"),
        (None, (), ("a", "c", "d", "unknown")),
    ):
        yield EnvironmentFilter(
            status=status,
            user_id=user_id,
            search=search,
            label=label,
            granted_to=granted_to,
            only=only,
        )


async def _fill(storage: Storage) -> None:
    async with storage.transaction() as tx:
        for id_ in ("1", "2", VIEWER, "other"):
            await tx.users.add(a_user(id_))
        for environment in ENVIRONMENTS:
            await tx.environments.add(environment)
            id_ = environment.id
            permission = GRANTED.get(id_, Permission.EDITOR)
            user_id = VIEWER if id_ in GRANTED else "other"
            await tx.grants.add(
                a_grant(id_, user_id=user_id, environment_id=id_, permission=permission)
            )


async def _ids(tx: Transaction, where: EnvironmentFilter, page: Page = ALL) -> Sequence[str]:
    found = await tx.environments.list(where, page, VIEWER)
    if page is ALL:
        assert await tx.environments.count(where) == len(found)
    return [seen.environment.id for seen in found]


class EnvironmentListTests(StorageTests):
    """Environments."""

    async def test_every_combination_of_filters_finds_what_it_should(
        self, storage: Storage
    ) -> None:
        await _fill(storage)

        async with storage.transaction(read_only=True) as tx:
            for where in filters():
                wanted = expected(where)
                found = list(await tx.environments.list(where, ALL, VIEWER))
                assert (where, found) == (where, wanted)
                assert (where, await tx.environments.count(where)) == (where, len(wanted))

    async def test_every_combination_of_filters_is_listed_page_by_page(
        self, storage: Storage
    ) -> None:
        await _fill(storage)

        async with storage.transaction(read_only=True) as tx:
            for where in filters():
                wanted = [seen.environment.id for seen in expected(where)]
                if len(wanted) < 2:
                    continue
                second = next(each for each in ENVIRONMENTS if each.id == wanted[1])
                after = (second.created_at, second.id)
                pages = (Page(1), Page(2, offset=1), Page(9, after=after), Page(9, 1, after))
                found = [await _ids(tx, where, page) for page in pages]
                assert (where, found) == (where, [wanted[:1], wanted[1:3], wanted[2:], wanted[3:]])

    async def test_a_page_goes_on_from_a_row_that_is_gone(self, storage: Storage) -> None:
        await _fill(storage)

        async with storage.transaction(read_only=True) as tx:
            page = Page(2, after=(NOON, "f was here"))
            assert await _ids(tx, EnvironmentFilter(), page) == ["f", "c"]
            of_team = EnvironmentFilter(label=("team", "blue"))
            assert await _ids(tx, of_team, Page(2, after=(NOON, "b"))) == ["a"]
            granted = EnvironmentFilter(granted_to=VIEWER)
            assert await _ids(tx, granted, Page(2, after=(NOON, "g"))) == ["f", "c"]
            assert await _ids(tx, granted, Page(0)) == []

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("BOX", "fcba"),
            ("box 2", "b"),
            ("%", "d"),
            ("_", "d"),
            ("\\", "d"),
            ("0%_\\X", "d"),
            ("0_x", ""),
            ("straSSe", "hg"),
            ("Straße", "hg"),
            ("ÄRGER", "hg"),
            ("a\u0308rger", ""),
            ("σας", "h"),
            ("", "dhgfcbae"),
        ],
    )
    async def test_a_search_takes_any_case_and_no_wildcards(
        self, storage: Storage, search: str, found: str
    ) -> None:
        await _fill(storage)

        async with storage.transaction(read_only=True) as tx:
            assert "".join(await _ids(tx, EnvironmentFilter(search=search))) == found

    @pytest.mark.parametrize(
        ("label", "found"),
        [
            (("team", "blue"), "fca"),
            (("team", "Blue"), "b"),
            (("Team", "blue"), "e"),
            (("blue", "team"), "b"),
            (("team", ""), "h"),
            (("team", "blu"), ""),
            (("team", "%"), ""),
            (("tea_", "blue"), ""),
            (("", "blue"), ""),
        ],
    )
    async def test_a_label_is_compared_exactly(
        self, storage: Storage, label: tuple[str, str], found: str
    ) -> None:
        await _fill(storage)

        async with storage.transaction(read_only=True) as tx:
            assert "".join(await _ids(tx, EnvironmentFilter(label=label))) == found
            narrowed = EnvironmentFilter(label=label, status=EnvironmentStatus.RUNNING)
            assert "".join(await _ids(tx, narrowed)) == found.replace("c", "")

    async def test_an_environment_is_found_by_what_it_is_now(self, storage: Storage) -> None:
        """In whichever way a list narrows down to it."""
        await _fill(storage)
        now = msgspec.structs.replace(
            ENVIRONMENTS[0],
            user_id="2",
            name="Crate",
            status=EnvironmentStatus.TERMINATED,
            labels={"team": "red"},
        )
        async with storage.transaction() as tx:
            await tx.environments.replace(now)

        async with storage.transaction(read_only=True) as tx:
            await _require_alone(tx, now, ENVIRONMENTS[0])

    async def test_an_environment_that_was_moved_is_found_by_its_new_owner(
        self, storage: Storage
    ) -> None:
        await _fill(storage)
        async with storage.transaction() as tx:
            for id_ in "be":
                await tx.grants.delete("other", id_)
                await tx.grants.delete(VIEWER, id_)
                owner = a_grant(id_, user_id="2", environment_id=id_, permission=Permission.OWNER)
                await tx.grants.add(owner)
            await tx.environments.delete("g")
            await tx.environments.move_from("1")

            for more in ({}, {"label": ("team", "blue")}, {"granted_to": VIEWER}):
                where = EnvironmentFilter(user_id="1", **more)
                assert await _ids(tx, where) == []
            by_label = EnvironmentFilter(user_id="2", label=("team", "Blue"))
            assert await _ids(tx, by_label) == ["b"]
            assert await _ids(tx, EnvironmentFilter(user_id="2", granted_to="2")) == ["b", "e"]
            assert await _ids(tx, EnvironmentFilter(user_id=VIEWER, granted_to=VIEWER)) == ["a"]


async def _require_alone(tx: Transaction, now: Environment, before: Environment) -> None:
    """Each filter finds `now` by what it is, and not by what it was."""
    (label,), (old_label,) = now.labels.items(), before.labels.items()
    new_and_old = (
        {"status": now.status, "user_id": now.user_id, "search": now.name},
        {"status": before.status, "user_id": before.user_id, "search": before.name},
    )
    for narrow in ({}, {"granted_to": VIEWER}, {"only": (now.id,)}, {"label": label}):
        for field, value in new_and_old[0].items():
            assert now.id in await _ids(tx, EnvironmentFilter(**{**narrow, field: value}))  # type: ignore[arg-type]
        for field, value in new_and_old[1].items():
            assert now.id not in await _ids(tx, EnvironmentFilter(**{**narrow, field: value}))  # type: ignore[arg-type]
    assert await _ids(tx, EnvironmentFilter(label=label, granted_to=VIEWER)) == [now.id]
    assert now.id not in await _ids(tx, EnvironmentFilter(label=old_label))
