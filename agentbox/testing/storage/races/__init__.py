"""Of many who do the same at once, exactly one succeeds."""

from __future__ import annotations

from agentbox.testing.storage.races.keys import KeyRaceTests
from agentbox.testing.storage.races.metrics import MetricRaceTests
from agentbox.testing.storage.races.people import PeopleRaceTests
from agentbox.testing.storage.races.rules import RuleRaceTests


class RaceTests(KeyRaceTests, MetricRaceTests, PeopleRaceTests, RuleRaceTests):
    """Two instances on one database, as two processes are, and many tasks in each."""
