"""Permissions, from both sides."""

from __future__ import annotations

from tests.e2e.model.oracle import permissions
from tests.e2e.model.oracle.world import PERMISSIONS, Credential
from tests.e2e.model.play import Play
from tests.e2e.model.steps.choice import Choice
from tests.e2e.model.steps.step import Step, administering, with_scope


def give(play: Play, choice: Choice) -> None:
    """To somebody who has none there, or has one."""
    who, environment_id, of_user = _sharing(play, choice)
    user_id, wanted = choice.user_id(), choice.of(PERMISSIONS)
    path, body = f"/environments/{environment_id}/permissions", {"user_id": user_id}
    if of_user:
        path, body = f"/users/{user_id}/permissions", {"environment_id": environment_id}
    elif user_id in play.world.users and choice.odds(1, 3):
        body = {"username": play.world.users[user_id].username}
    play.step(
        who, "POST", path, body | {"permission": wanted},
        lambda _: permissions.give(
            play.world, who, environment_id, user_id, wanted, of_user=of_user
        ),
        success=201,
    )  # fmt: skip


def change_permission(play: Play, choice: Choice) -> None:
    """Of somebody who has one, or has none."""
    who, environment_id, of_user = _sharing(play, choice)
    user_id, wanted = _holder(play, choice, environment_id), choice.of(PERMISSIONS)
    play.step(
        who, "PUT", _of_both(environment_id, user_id, of_user), {"permission": wanted},
        lambda _: permissions.change(
            play.world, who, environment_id, user_id, wanted, of_user=of_user
        ),
    )  # fmt: skip


def take(play: Play, choice: Choice) -> None:
    """Away from somebody."""
    who, environment_id, of_user = _sharing(play, choice)
    _take(play, who, environment_id, _holder(play, choice, environment_id), of_user)


def give_up(play: Play, choice: Choice) -> None:
    """One's own."""
    environment_id = choice.environment_id()
    there = play.world.environments.get(environment_id)
    likely = [
        who
        for who in with_scope(play.world, "environments:share")
        if there and who.user_id in there.grants
    ]
    who = choice.caller(likely)
    _take(play, who, environment_id, who.user_id, choice.odds(1, 2))


def replace_permissions(play: Play, choice: Choice) -> None:
    """All of a user's at once."""
    user_id = choice.user_id()
    who = choice.caller(with_scope(play.world, "users:write"))
    there = [*play.world.environments]
    if not choice.odds(7, 8):
        there.append("nowhere")
    wanted = {each: choice.of(PERMISSIONS) for each in choice.some(there[-4:])}
    entries = [{"environment_id": each, "permission": most} for each, most in wanted.items()]
    play.step(
        who, "PUT", f"/users/{user_id}/permissions", {"permissions": entries},
        lambda _: permissions.replace(play.world, who, user_id, wanted),
        of_answer=lambda answer: sorted(
            (row["environment_id"], row["permission"]) for row in answer["permissions"]
        ),
    )  # fmt: skip


def _sharing(play: Play, choice: Choice) -> tuple[Credential, str, bool]:
    environment_id = choice.environment_id()
    likely = administering(play.world, environment_id, "environments:share")
    return choice.caller(likely), environment_id, choice.odds(1, 2)


def _holder(play: Play, choice: Choice, environment_id: str) -> str:
    there = play.world.environments.get(environment_id)
    return choice.of(list(there.grants)) if there and choice.odds(4, 5) else choice.user_id()


def _take(play: Play, who: Credential, environment_id: str, user_id: str, of_user: bool) -> None:
    play.step(
        who, "DELETE", _of_both(environment_id, user_id, of_user), None,
        lambda _: permissions.take(play.world, who, environment_id, user_id, of_user=of_user),
        success=204,
    )  # fmt: skip


def _of_both(environment_id: str, user_id: str, of_user: bool) -> str:
    if of_user:
        return f"/users/{user_id}/permissions/{environment_id}"
    return f"/environments/{environment_id}/permissions/{user_id}"


STEPS = (
    Step(give, weight=3),
    Step(change_permission, weight=2),
    Step(take, weight=2),
    Step(give_up),
    Step(replace_permissions, weight=2),
)
