"""Environments."""

from __future__ import annotations

from tests.e2e.model.oracle import environments
from tests.e2e.model.oracle.rules import permission
from tests.e2e.model.oracle.world import STATUSES
from tests.e2e.model.play import Play
from tests.e2e.model.steps.choice import Choice
from tests.e2e.model.steps.step import Step, administering, room_for_environments, with_scope


def register(play: Play, choice: Choice) -> None:
    """One's own."""
    _register(play, choice, {})


def register_for_another(play: Play, choice: Choice) -> None:
    """Or for oneself, by name."""
    _register(play, choice, {"user_id": choice.user_id()})


def change_environment(play: Play, choice: Choice) -> None:
    """Labels and status, and what only owners change."""
    environment_id = choice.environment_id()
    there = play.world.environments.get(environment_id)
    likely = [
        who
        for who in with_scope(play.world, "environments:write")
        if there and permission(play.world, who, there)
    ]
    who = choice.caller(likely)
    everything = {
        "status": choice.of(STATUSES),
        "labels": choice.of(({}, {"team": "blue"})),
        "name": choice.of(("box", "hut")),
    }
    body = {name: everything[name] for name in choice.some(list(everything))}
    play.step(
        who, "PATCH", f"/environments/{environment_id}", body,
        lambda _: environments.change(play.world, who, environment_id, body),
    )  # fmt: skip


def report(play: Play, choice: Choice) -> None:
    """What it does, and sometimes another status."""
    environment_id = choice.environment_id()
    there = play.world.environments.get(environment_id)
    likely = [
        who
        for who in with_scope(play.world, "environments:report")
        if there and permission(play.world, who, there)
    ]
    who = choice.caller(likely)
    everything = {"status": choice.of(STATUSES), "cpu_millicores": 250, "sandboxes": 2}
    body = {name: everything[name] for name in choice.some(list(everything))}
    play.step(
        who, "POST", f"/environments/{environment_id}/report", body,
        lambda _: environments.report(play.world, who, environment_id, body), success=204,
    )  # fmt: skip


def delete_environment(play: Play, choice: Choice) -> None:
    """With all permissions on it."""
    environment_id = choice.environment_id()
    who = choice.caller(administering(play.world, environment_id, "environments:write"))
    play.step(
        who, "DELETE", f"/environments/{environment_id}", None,
        lambda _: environments.delete(play.world, who, environment_id), success=204,
    )  # fmt: skip


def _register(play: Play, choice: Choice, whose: dict[str, str]) -> None:
    who = choice.caller(with_scope(play.world, "environments:create"))
    body = {"name": "box", **whose}
    if choice.odds(1, 2):
        body |= {"status": choice.of(STATUSES), "labels": {"team": "red"}}
    play.step(
        who, "POST", "/environments", body,
        lambda made: environments.register(play.world, who, body, made), success=201,
    )  # fmt: skip


STEPS = (
    Step(register, room_for_environments),
    Step(register_for_another, room_for_environments),
    Step(change_environment),
    Step(report),
    Step(delete_environment),
)
