"""Networks: one form, and who is in them."""

from __future__ import annotations

import pytest

from agentbox.model.formats.networks import canonical_network, contains_address, within_networks


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("192.0.2.7/32", "192.0.2.7/32"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8:0:0::/32", "2001:db8::/32"),
        ("::1", "::1/128"),
        ("::/0", "::/0"),
    ],
)
def test_a_network_has_one_form(text: str, canonical: str) -> None:
    assert canonical_network(text) == canonical


@pytest.mark.parametrize(
    "text",
    ["", " ", "192.0.2.7/24", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/24 ", "192.0.2",
     "300.0.2.1", "192.0.2.0/", "/24", "192.0.02.1", "example.com", "*", "2001:db8::1/32",
     "::/129", "fe80::1%lo", "fe80::%\n/64", "192.0.2.0/24,::1", "\u0661.0.0.1", "3221225985"],
)  # fmt: skip
def test_what_could_be_misread_is_no_network(text: str) -> None:
    assert canonical_network(text) is None


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("192.0.2.255", True),
        ("192.0.3.0", False),
        ("::ffff:192.0.2.1", True),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("::192.0.2.1", False),
        ("not an address", False),
        ("", False),
        (None, False),
    ],
)
def test_an_address_is_in_one_of_the_networks_or_in_none(address: str | None, inside: bool) -> None:
    assert contains_address(("192.0.2.0/24", "2001:db8::/32"), address) is inside


def test_nobody_is_in_no_network() -> None:
    assert not contains_address((), "192.0.2.1")


@pytest.mark.parametrize(
    ("inner", "outer", "within"),
    [
        (["192.0.2.0/25"], ["192.0.2.0/24"], True),
        (["192.0.2.0/24"], ["192.0.2.0/24"], True),
        (["192.0.2.0/23"], ["192.0.2.0/24"], False),
        (["192.0.2.0/23"], ["192.0.2.0/24", "192.0.3.0/24"], False),
        (["192.0.2.1/32", "::1/128"], ["192.0.2.0/24"], False),
        (["192.0.2.1/32", "::1/128"], ["::/64", "192.0.2.0/24"], True),
        (["::/0"], ["0.0.0.0/0"], False),
        ([], [], True),
    ],
)
def test_networks_lie_in_others_each_in_one(
    inner: list[str], outer: list[str], within: bool
) -> None:
    assert within_networks(inner, outer) is within
