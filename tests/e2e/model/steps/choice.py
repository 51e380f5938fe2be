"""What a step draws."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from hypothesis import strategies as st

from tests.e2e.model.oracle.world import Credential, World

T = TypeVar("T")


class Choice:
    """Draws of one step. By number, as what there is has other ids in every run."""

    def __init__(self, data: st.DataObject, world: World) -> None:
        self._data = data
        self._world = world

    def of(self, things: Sequence[T]) -> T:
        """One of them."""
        return things[self._data.draw(st.sampled_from(range(len(things))))]

    def odds(self, times: int, of: int) -> bool:
        """True that many times of so many; the simplest run has it always."""
        return self.of(range(of)) < times

    def some(self, things: Sequence[T]) -> list[T]:
        """Each of them or not."""
        return [thing for thing in things if self.odds(1, 2)]

    def caller(self, likely: Iterable[Credential] = ()) -> Credential:
        """Mostly one of those who are likely to be allowed; else any, even one that is over."""
        allowed = list(likely)
        if allowed and self.odds(2, 3):
            return self.of(allowed)
        living, every = self._world.living(), self._world.credentials
        return self.of(living if living and self.odds(4, 5) else every)

    def user_id(self) -> str:
        """Mostly somebody who does something too; seldom nobody."""
        if not self.odds(19, 20):
            return "nobody"
        acting = list(dict.fromkeys(who.user_id for who in self._world.living()))
        return self.of(acting if acting and self.odds(2, 3) else list(self._world.users))

    def environment_id(self) -> str:
        """One that is there, seldom one that was deleted, or never there."""
        there = list(self._world.environments)
        if not there or not self.odds(11, 12):
            there = [*self._world.gone, "nowhere"]
        return self.of(there)
