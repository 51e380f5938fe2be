"""`agentbox metrics`: beside a running server."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from agentbox.core.metrics.ticks import floor
from tests.backend import database_in
from tests.e2e.metrics.stored import HOUR, MINUTE, TICK, store, text
from tests.e2e.people import in_a_thread
from tests.e2e.test_commands import add_user, run
from tests.e2e.test_process import given
from tests.process import agentbox, serving


class Scene(NamedTuple):
    """A folder beside which a server runs, the full hour from which on there are samples for two
    hours, and an environment that has some too."""

    folder: Path
    at: datetime
    environment: str

    @property
    def span(self) -> tuple[str, ...]:
        """The options that ask for it."""
        return ("--since", text(self.at), "--until", text(self.at + 2 * HOUR))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("metrics")
    with serving(folder, env=given()):
        add_user(folder, "bob")
        made = run(folder, "env", "create", "box", "--owner", "bob", "--json")
        found = Scene(folder, floor(datetime.now(UTC), HOUR) - 4 * HOUR, json.loads(made)["id"])
        in_a_thread(_fill(found))
        yield found


async def _fill(scene: Scene) -> None:
    storage = database_in(scene.folder).storage()
    async with storage.open(brief=True):
        # A gap of half an hour in the middle.
        ticks = [n for n in range(240) if not 90 <= n < 150]
        series = {scene.at + n * TICK: float(n) for n in ticks}
        await store(storage, "cpu_usage", series)
        await store(storage, "cpu_usage", {scene.at: 7.0}, scene.environment)
        await store(storage, "logins", {scene.at: 1.0, scene.at + TICK: 2.0})


def test_a_series_is_drawn_as_wide_as_the_terminal(scene: Scene) -> None:
    env = given(COLUMNS="80", PYTHONIOENCODING="utf-8")
    done = agentbox(scene.folder, "metrics", "show", "cpu_usage", *scene.span, env=env)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()

    # 69 columns: at 2m there are 60 points for two hours, and at 1m too many.
    assert lines[0] == "cpu_usage in millicores, avg of each 2m"
    assert 60 < max(map(len, lines[1:-1])) <= 80
    assert "min 0.5" not in lines[-1]
    assert lines[-1].startswith("min 1.5  max 238  last 238 at ")
    assert "█" in done.stdout
    # The gap is one, from the 46th minute to the 75th, on the lowest row too.
    lowest = next(line for line in reversed(lines) if "│" in line).partition("│")[2]
    assert lowest[23:37].isspace()
    assert not any(cell == " " for cell in lowest[:22] + lowest[38:60])


def test_it_is_drawn_with_letters_where_the_terminal_has_no_others(scene: Scene) -> None:
    command = ("metrics", "show", "cpu_usage", *scene.span)
    asked = agentbox(scene.folder, *command, "--ascii", env=given(PYTHONIOENCODING="utf-8"))
    unable = agentbox(scene.folder, *command, env=given(PYTHONIOENCODING="ascii"))

    assert asked.returncode == unable.returncode == 0, unable.stderr
    assert asked.stdout.isascii()
    assert asked.stdout == unable.stdout
    assert "#" in asked.stdout


def test_scripts_and_spreadsheets_get_all_points(scene: Scene) -> None:
    command = ("metrics", "show", "cpu_usage", *scene.span)

    chart = json.loads(run(scene.folder, *command, "--json"))
    done = run(scene.folder, *command, "--csv")
    header, *rows = csv.reader(io.StringIO(done))

    assert (chart["type"], chart["step"], len(chart["metrics"])) == ("cpu_usage", "30s", 180)
    assert header == ["timestamp", "metric_type", "environment_id", "value"]
    assert [(row[0], float(row[3])) for row in rows] == [
        (point["timestamp"], point["value"]) for point in chart["metrics"]
    ]


def test_step_and_aggregate_are_the_ones_that_are_asked_for(scene: Scene) -> None:
    command = ("metrics", "show", "cpu_usage", *scene.span, "--json")

    chart = json.loads(run(scene.folder, *command, "--step", "1h", "--agg", "max"))

    assert [point["value"] for point in chart["metrics"]] == [89.0, 239.0]


def test_a_counter_is_added_up(scene: Scene) -> None:
    """So what is measured is known to the command, which is no server."""
    chart = json.loads(
        run(scene.folder, "metrics", "show", "logins", *scene.span, "--json", "--step", "1h")
    )

    assert (chart["agg"], [point["value"] for point in chart["metrics"]]) == ("sum", [3.0])


def test_one_environment_has_a_series_of_its_own(scene: Scene) -> None:
    command = ("metrics", "show", "cpu_usage", *scene.span, "--env", scene.environment)

    drawn = run(scene.folder, *command)
    chart = json.loads(run(scene.folder, *command, "--json"))

    assert f"environment {scene.environment}" in drawn
    assert chart["environment_id"] == scene.environment
    assert [point["value"] for point in chart["metrics"]] == [7.0]


def test_years_fit_too(scene: Scene) -> None:
    drawn = run(scene.folder, "metrics", "show", "cpu_usage", "--since", "1500d")

    assert "of each 23d" in drawn
    assert max(map(len, drawn.splitlines())) <= 80


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (("cpu",), 1, "cpu_usage"),  # of what there is
        (("users", "--env", "x"), 1, "cpu_usage"),
        (("cpu_usage", "--env", "x"), 1, "no such environment"),
        (("cpu_usage", "--step", "7s"), 1, "multiple of one of 30s, 1m, 1h, 1d"),
        (("cpu_usage", "--since", "1d", "--until", "2d"), 1, "before start"),
        (("cpu_usage", "--since", "yesterday"), 2, "yesterday"),
        (("cpu_usage", "--agg", "median"), 2, "median"),
        (("cpu_usage", "--csv", "--json"), 2, "together"),
        ((), 2, "TYPE"),
        (("users", "--until", "0001-01-01T00:00:00Z"), 1, "end is before 1970"),
    ],
)
def test_what_can_not_be_meant_is_refused(
    scene: Scene, options: tuple[str, ...], status: int, told: str
) -> None:
    done = agentbox(scene.folder, "metrics", "show", *options)

    assert (done.returncode, told in done.stderr) == (status, True), done.stderr
    assert done.stdout == ""


def test_what_was_stored_is_drawn_where_nothing_is_measured_any_more(scene: Scene) -> None:
    command = ("metrics", "show", "cpu_usage", *scene.span, "--json")

    done = agentbox(scene.folder, *command, env=given(AGENTBOX_METRICS_ENABLED="false"))

    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["metrics"]) == 180


def test_without_a_word_it_is_the_last_day(scene: Scene) -> None:
    chart = json.loads(run(scene.folder, "metrics", "show", "cpu_usage", "--json"))

    length = datetime.fromisoformat(chart["end"]) - datetime.fromisoformat(chart["start"])
    assert 24 * HOUR <= length <= 24 * HOUR + 2 * MINUTE
