"""Which tests run in one process, one after the other, since they share something dear.

xdist's marker for that has no effect with the ids of tests that pytest makes since 9.2, and says
nothing of it; here the process that gives out the tests knows from their paths.
"""

from __future__ import annotations

from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling

SHARED: Final = {
    "three replicas": (
        "tests/replicas/test_audit.py",
        "tests/replicas/test_clocks.py",
        "tests/replicas/test_races.py",
        "tests/replicas/test_revocation.py",
        "tests/replicas/test_rotation.py",
    ),
    "a deployment": ("tests/deployment/",),
    "the real provider": ("tests/real_provider/",),
    "plugins in an environment": ("tests/thirdparty/",),
    "a month of series": ("tests/storage/test_series_at_scale.py",),
    "one report of faulty storages": ("tests/storage/test_suite_catches_faults.py",),
    "one report of faulty plugins": ("tests/testing/test_metric_suites.py",),
    "long lists": ("tests/storage/test_large_lists.py", "tests/e2e/test_lists.py"),
    "wheels": ("tests/house/test_packaging.py",),
    "an installed greeter": ("tests/house/test_smallest_plugin.py",),
    "an installed way to sign in": ("tests/house/test_sign_in_plugin.py",),
}
"""What is made once, and the files or folders whose tests use it."""

_GROUPS: Final = {path: name for name, paths in SHARED.items() for path in paths}


def scope_of(nodeid: str) -> str:
    """Tests of one scope run in one process; most are a scope of their own."""
    path = nodeid.partition("::")[0]
    folder = f"{'/'.join(path.split('/')[:2])}/"
    return _GROUPS.get(path) or _GROUPS.get(folder) or nodeid


class Together(LoadScopeScheduling):
    """Gives out the larger scopes first, then single tests to whoever is free."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    """For every run in several processes."""
    return Together(config, log)
