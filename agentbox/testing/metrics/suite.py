"""What the suites of metrics have in common."""

from __future__ import annotations

import pytest


class MetricSuite:
    """Tests can be added, not replaced and not skipped."""

    pytestmark = pytest.mark.asyncio

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        replaced = [
            name
            for name in vars(cls)
            if name.startswith("test_") and any(name in vars(base) for base in cls.__mro__[1:])
        ]
        if replaced:
            raise TypeError(f"{cls.__name__} replaces tests of the suite: {', '.join(replaced)}")
