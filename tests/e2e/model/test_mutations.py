"""The model can fail: a rule left out of the server is found within the usual runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentbox.core.environments import environments, grants
from agentbox.core.keys import making, narrowing, rotation
from agentbox.core.recognition import caches, state
from agentbox.model.access import decisions, permissions, roles
from tests.e2e.model.machine import run_machine
from tests.e2e.model.play import Disagreement
from tests.e2e.model.scene import Scene

Patch = pytest.MonkeyPatch


def _at_least_user(role: roles.Role) -> roles.Role:
    return roles.Role.USER if role is roles.Role.VIEWER else role


async def nothing(*_: Any, **__: Any) -> None:
    """Leave it."""


def limits_of_keys_are_ignored(patch: Patch) -> None:
    patch.setattr(permissions, "limit_on", lambda *_: roles.Permission.OWNER)


def viewers_hold_what_they_were_granted(patch: Patch) -> None:
    held = permissions.held
    patch.setattr(permissions, "held", lambda role, granted: held(_at_least_user(role), granted))


def the_last_owner_may_leave(patch: Patch) -> None:
    patch.setattr(grants, "_keep_an_owner", nothing)
    patch.setattr(grants, "_hand_on", nothing)


def an_environment_stays_with_who_left_it(patch: Patch) -> None:
    patch.setattr(grants, "_hand_on", nothing)


def admins_use_every_environment(patch: Patch) -> None:
    patch.setitem(permissions.IMPLICIT, roles.Role.ADMIN, roles.Permission.EDITOR)


def admins_administer_environments_of_equals(patch: Patch) -> None:
    may_administer = permissions.may_administer
    patch.setattr(
        permissions,
        "may_administer",
        lambda actor, on, granted, _: may_administer(actor, on, granted, roles.Role.VIEWER),
    )


def admins_act_on_equals(patch: Patch) -> None:
    patch.setattr(decisions, "outranks", lambda actor, role: actor.role.rank >= role.rank)


def keys_keep_scopes_that_the_role_lost(patch: Patch) -> None:
    patch.setattr(state, "intersect", lambda of_role, of_key: of_key)


def changes_are_noticed_late(patch: Patch) -> None:
    patch.setattr(caches.StateCache, "drop", lambda _: None)


def lists_show_everything(patch: Patch) -> None:
    patch.setattr(environments, "sees_all", lambda _: True)


def keys_are_widened(patch: Patch) -> None:
    for module in (making, narrowing, rotation):
        patch.setattr(module, "require_environments_within", lambda *_: None)


def permissions_change_without_a_trace(patch: Patch) -> None:
    patch.setattr(grants, "_record", nothing)


MUTATIONS = (
    limits_of_keys_are_ignored,
    viewers_hold_what_they_were_granted,
    the_last_owner_may_leave,
    an_environment_stays_with_who_left_it,
    admins_use_every_environment,
    admins_administer_environments_of_equals,
    admins_act_on_equals,
    keys_keep_scopes_that_the_role_lost,
    keys_are_widened,
    changes_are_noticed_late,
    lists_show_everything,
    permissions_change_without_a_trace,
)


@pytest.mark.sqlite_alone("how well the model looks, whatever keeps the data")
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_server_that_breaks_a_rule_is_found(
    mutation: Callable[[Patch], None], scene: Scene, tmp_path: Path, monkeypatch: Patch
) -> None:
    mutation(monkeypatch)

    with pytest.raises(Disagreement):
        run_machine(scene, tmp_path)
