"""The whole machine, and how it is run: the same runs every time."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from tests.e2e.model.play import Play, Stage
from tests.e2e.model.scene import Scene
from tests.e2e.model.steps import environments, keys, people, permissions
from tests.e2e.model.steps.choice import Choice
from tests.scale import scaled

SERIES = 2
RUNS = 9
"""In one series. From ten on, most are copies of others with little changed."""

LENGTH = 25

STEPS = [
    each
    for steps in (people.STEPS, environments.STEPS, permissions.STEPS, keys.STEPS)
    for each in steps
    for _ in range(each.weight)
]
"""One of more weight is there more often."""


class Machine(Play):
    """Users, environments, permissions and keys."""

    @rule(data=st.data())
    def any_step(self, data: st.DataObject) -> None:
        """One of those that there is something for.

        Of several rules, a run would leave some out, and there are too few runs for that.
        """
        choice = Choice(data, self.world)
        choice.of([each for each in STEPS if each.possible(self.world)]).take(self, choice)


def run_machine(scene: Scene, folder: Path) -> None:
    """Raises `Disagreement` with all steps of a run in which the server and the model differ.

    They are few, and to look for fewer takes minutes.
    """
    with Stage(scene, folder) as stage:
        for number in range(scaled(SERIES)):
            run_state_machine_as_test(
                seed(number)(lambda: Machine(stage)),
                settings=settings(
                    max_examples=RUNS,
                    stateful_step_count=LENGTH,
                    phases=[Phase.generate],
                    database=None,
                    deadline=None,
                    report_multiple_bugs=False,
                    verbosity=Verbosity.quiet,  # what disagrees tells the steps, and in words
                    suppress_health_check=list(HealthCheck),
                ),
            )
