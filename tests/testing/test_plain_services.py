"""The host that authors try their plugins with has all that a real one has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agentbox.core.counters import Counters
from agentbox.core.host_services import HostServices
from agentbox.errors import StartError
from agentbox.model.environments import RunningEnvironment
from agentbox.model.formats.api_key import KeyFormat
from agentbox.model.ids import new_id
from agentbox.plugin import NoOptions, Options, Services
from agentbox.testing import PlainServices

MEMBERS = sorted(name for name in vars(Services) if not name.startswith("_"))


class SomeOptions(Options, frozen=True):
    port: int = 1


@pytest.mark.parametrize("name", MEMBERS)
def test_it_has_what_plugins_are_handed(name: str) -> None:
    """A Protocol's own would answer None to everything."""
    assert name in vars(PlainServices)


def test_it_says_what_it_was_given() -> None:
    options = SomeOptions(port=7)
    services = PlainServices("acme", options)

    assert (services.instance_id, services.options) == ("acme", options)
    assert PlainServices().options == NoOptions()


def test_its_clock_goes() -> None:
    clock = PlainServices().clock
    before = clock.monotonic()

    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert clock.monotonic() >= before


def test_its_log_and_counters_are_kept() -> None:
    services = PlainServices("acme")
    services.log.warning("late", seconds=3)
    services.count("lost", 2)
    services.count("lost")
    services.observe("waited", 0.5)

    assert services.kept.lines == [("warning", "late", {"seconds": 3})]
    assert services.counted == {"lost": 3}
    assert services.observed == [("waited", 0.5)]
    with pytest.raises(AttributeError):
        services.log.shout("late")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "services",
    [
        PlainServices("acme"),
        HostServices(
            clock=PlainServices().clock,
            public_url="https://auth.example",
            api_key_format=KeyFormat("ak_live_"),
            counters=Counters(),
            stale_after=timedelta(minutes=2),
            instance_id="acme",
        ),
    ],
    ids=["plain", "host"],
)
def test_no_counter_goes_back(services: Services) -> None:
    services.count("lost", 0)
    with pytest.raises(ValueError, match="lost can't be counted back by 5"):
        services.count("lost", -5)


@pytest.mark.parametrize("name", ["storage", "sealer", "outgoing", "readings"])
def test_what_it_was_not_given_is_not_there(name: str) -> None:
    with pytest.raises(StartError, match=name):
        getattr(PlainServices(), name)


async def test_environments_are_those_that_it_was_given() -> None:
    now = datetime.now(UTC)
    one = RunningEnvironment(id=new_id(), created_at=now, started_at=None, report=None)

    assert await PlainServices(environments=[one]).running_environments(now) == [one]
    assert await PlainServices().running_environments(now) == ()
    assert await PlainServices().issued_key("key") is None
