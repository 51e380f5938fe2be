"""The sites of all methods together: each by one id, and each issuer once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agentbox.core.identities.providers import providers_by_id
from agentbox.core.recognition.dispatch import Named
from agentbox.errors import StartError
from agentbox.plugin.authenticator import LoginProvider
from tests.core.identities.at_sites import Site


class Told(Site):
    """Has these providers."""

    def __init__(self, *providers: LoginProvider) -> None:
        super().__init__()
        self.told = providers

    @property
    def providers(self) -> Sequence[LoginProvider]:
        return self.told


def provider(id_: str, issuer: str | None = None) -> LoginProvider:
    return LoginProvider(id_, id_.title(), issuer)


def found(*methods: Sequence[LoginProvider]) -> list[str]:
    named = [Named(f"m{number}", Told(*infos)) for number, infos in enumerate(methods)]
    return list(providers_by_id(named))


@pytest.mark.parametrize("apart", [True, False], ids=["of two methods", "of one"])
def test_two_of_one_issuer_stop_the_start_and_both_are_named(apart: bool) -> None:
    first, second = provider("corp", "https://id.test"), provider("guests", "https://id.test")
    methods = ([first], [second]) if apart else ([first, second],)
    with pytest.raises(StartError, match=r"corp and guests.*https://id\.test"):
        found(*methods)


def test_issuers_are_compared_letter_by_letter() -> None:
    # as identities are: https://id.test/ is another issuer
    one = [provider("a", "https://id.test"), provider("b", "https://id.test/")]

    assert found(one, [provider("c", "https://ID.test")]) == ["a", "b", "c"]


def test_those_that_have_no_one_issuer_are_not_compared() -> None:
    assert found([provider("a"), provider("b")], [provider("c")]) == ["a", "b", "c"]
