"""The operations that a server documents, and the requests that its document gives rise to."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib import import_module, metadata
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, Config, GenerationMode, openapi
from schemathesis.schemas import APIOperation

from tests.scale import scaled

Operation = APIOperation[Any, Any, Any, Any]

DRAWN = 6
"""How many requests of either kind, valid and not, are drawn beside those at the bounds."""

_CONFIG = {
    "generation": {"with-security-parameters": False},  # who calls is for the tests to choose
    "phases": {
        "coverage": {
            "generate-duplicate-query-parameters": True,
            "unexpected-methods": [],  # 405 is told of paths, and no operation documents it
        }
    },
    # Too large is refused too, and whatever is wrong on our side has a check of its own.
    "checks": {"negative_data_rejection": {"expected-statuses": ["4XX", "5XX"]}},
}


class Operations:
    """All operations of one document, by `METHOD /path`."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._schema = openapi.from_dict(dict(document), config=Config.from_dict(_CONFIG))
        found = [result.ok() for result in self._schema.get_all_operations()]
        self._operations: dict[str, Operation] = {each.label: each for each in found}
        self.cases = lru_cache(maxsize=None)(self._cases)
        """The requests to one operation, always the same, and made once."""

    def __getitem__(self, label: str) -> Operation:
        return self._operations[label]

    def __contains__(self, label: str) -> bool:
        return label in self._operations

    def __iter__(self) -> Iterator[str]:
        return iter(self._operations)

    def is_public(self, label: str) -> bool:
        """Whether credentials are not looked at."""
        return not self[label].definition.raw["security"]

    def _cases(self, label: str) -> tuple[Case, ...]:
        operation = self[label]
        return (
            *self._at_bounds(operation),
            *drawn(operation, GenerationMode.POSITIVE),
            *drawn(operation, GenerationMode.NEGATIVE),
        )

    def _at_bounds(self, operation: Operation) -> Iterator[Case]:
        """One for each keyword of the schemas, kept and broken."""
        config = self._schema.config.generation_for(operation=operation, phase="coverage")
        return self._schema.iter_coverage_cases(
            operation, generation_modes=list(GenerationMode), generation_config=config
        )


def drawn(operation: Operation, mode: GenerationMode) -> list[Case]:
    """Requests drawn from the schemas: a fixed series, so that a failure comes again."""
    load_everything()
    cases: list[Case] = []

    @settings(
        max_examples=scaled(DRAWN),
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def draw(case: Case) -> None:
        cases.append(case)

    try:
        draw()
    except Unsatisfiable:
        if mode.is_positive:
            raise
    # Without parameters and a body nothing can be wrong.
    return cases


@cache
def load_everything() -> None:
    """Import all modules of ours.

    Hypothesis takes constants from those that are loaded, and so would draw something else for a
    test that runs alone.
    """
    points = metadata.distribution("agentbox-server").entry_points
    for name in ["agentbox", *(point.value for point in points if point.group == "agentbox")]:
        path = getattr(import_module(name), "__path__", ())  # a module has no others below it
        for module in pkgutil.walk_packages(path, f"{name}."):
            if not module.name.endswith(".__main__"):
                import_module(module.name)
