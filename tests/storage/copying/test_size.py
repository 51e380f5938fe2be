"""Copying takes no more memory for more rows, and not much time for each.

`python -m bench copy` does the same with a hundred thousand users.
"""

from __future__ import annotations

from bench.copying import GOAL_MIB, GOAL_SECONDS, KEYS_EACH, run
from tests.postgres import Postgres
from tests.scale import scaled


def test_a_large_deployment_is_copied_within_the_limits(postgres: Postgres) -> None:
    size = scaled(3000)

    for took in run(size, postgres):
        assert took.rows > size * (3 + KEYS_EACH)
        assert took.mib < GOAL_MIB, took
        # Starting the command is most of it with as few as these.
        assert took.seconds < 10 + GOAL_SECONDS * size / 100_000, took


def test_wide_rows_take_no_more_memory_than_many(postgres: Postgres) -> None:
    """60 MB of labels, which would be several times that if they were read at once."""
    size = scaled(1000)

    for took in run(size, postgres, wide=size):
        assert took.mib < GOAL_MIB, took
