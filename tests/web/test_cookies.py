"""The cookies that a route reads, of all that browsers send (RFC 6265)."""

from __future__ import annotations

import pytest

from agentbox.errors import InvalidRequest
from agentbox.web.typed.cookie import cookie_of, cookies_of

NAME = "__Host-badge"
PREFIX = "__Host-badge_"


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ([], None),
        (["a=b"], None),
        ([f"{NAME}=x"], "x"),
        ([f"a=b; {NAME}=x; c=d"], "x"),
        ([f"a=b;{NAME}=x;c=d"], "x"),
        ([f" \t{NAME} = x \t"], "x"),
        (["a=b", f"{NAME}=x"], "x"),
        ([f"{NAME}=x=y"], "x=y"),
        ([f"{NAME}=" + "x" * 512], "x" * 512),
        # No value of a cookie, or none at all.
        ([f"{NAME}=" + "x" * 513], None),
        ([f"{NAME}="], None),
        ([NAME], None),
        ([f'{NAME}="x"'], None),
        ([f"{NAME}=a b"], None),
        ([f"{NAME}=a,b"], None),
        ([f"{NAME}=a\\b"], None),
        ([f"{NAME}=ä"], None),
        ([f"{NAME}=a\x00"], None),
        # Other names.
        ([f"{NAME.lower()}=x"], None),
        ([f"{NAME}2=x"], None),
        ([f"x{NAME}=x"], None),
        ([f"a={NAME}=x"], None),
    ],
)
def test_it_is_read_as_it_was_sent(headers: list[str], value: str | None) -> None:
    assert cookie_of(headers, NAME) == value


@pytest.mark.parametrize(
    "headers",
    [
        [f"{NAME}=x; {NAME}=y"],
        [f"{NAME}=x; {NAME}=x"],
        [f"{NAME}=x", f"{NAME}=y"],
        [f"{NAME}=; {NAME}=x"],
        [f"{NAME}=x; a=b; {NAME}="],
    ],
)
def test_two_of_one_name_are_refused(headers: list[str]) -> None:
    # OA-01
    with pytest.raises(InvalidRequest):
        cookie_of(headers, NAME)


@pytest.mark.parametrize(
    ("headers", "values"),
    [
        ([], {}),
        (["a=b"], {}),
        ([f"{PREFIX}1=x"], {"1": "x"}),
        ([f"a=b; {PREFIX}1=x;{PREFIX}2=y", f"{PREFIX}3=z"], {"1": "x", "2": "y", "3": "z"}),
        ([f" \t{PREFIX}1 = x \t"], {"1": "x"}),
        ([f"{PREFIX}{'1' * 64}=x"], {"1" * 64: "x"}),
        # No value of a cookie, or none at all.
        ([f"{PREFIX}1=; {PREFIX}2; {PREFIX}3=a b; {PREFIX}4=ä; {PREFIX}5=" + "x" * 513], {}),
        # Other names, and ones that could not be set.
        ([f"{PREFIX}=x; {PREFIX[:-1]}=x; {PREFIX.lower()}1=x; x{PREFIX}1=x"], {}),
        ([f"{PREFIX}a b=x; {PREFIX}ä=x; {PREFIX}{'1' * 65}=x; {PREFIX}a,b=x"], {}),
    ],
)
def test_those_that_begin_alike_are_read(headers: list[str], values: dict[str, str]) -> None:
    assert cookies_of(headers, PREFIX) == values


@pytest.mark.parametrize(
    "headers",
    [
        [f"{PREFIX}1=x; {PREFIX}2=y; {PREFIX}1=z"],
        [f"{PREFIX}1=x", f"{PREFIX}1=x"],
        [f"{PREFIX}1=; {PREFIX}1=x"],
    ],
)
def test_two_of_one_name_are_refused_there_too(headers: list[str]) -> None:
    # OA-01
    with pytest.raises(InvalidRequest):
        cookies_of(headers, PREFIX)
