"""Who the client is, with and without proxies in front."""

from __future__ import annotations

import pytest

from agentbox.web.middleware.forwarded import client_of
from tests.web.live import serving

PROXIES = ("10.0.0.0/8", "fd00::/8", "127.0.0.1/32")


# FA-03
@pytest.mark.parametrize(
    ("lines", "client"),
    [
        ([], "10.0.0.1"),
        (["203.0.113.9"], "203.0.113.9"),
        (["198.51.100.1, 203.0.113.9"], "203.0.113.9"),  # what the client sent comes first
        (["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        (["203.0.113.9, 10.1.2.3", "10.2.3.4"], "203.0.113.9"),
        (["10.3.3.3, 10.2.2.2"], "10.3.3.3"),  # nobody but proxies
        (["203.0.113.9,\t 10.1.2.3 "], "203.0.113.9"),
        (["2001:db8::9"], "2001:db8::9"),
        (["2001:DB8:0:0::9"], "2001:db8::9"),
        (["[2001:db8::9]:4711"], "2001:db8::9"),
        (["[2001:db8::9]"], "2001:db8::9"),
        (["203.0.113.9:4711"], "203.0.113.9"),
        (["::ffff:203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, fd00::1"], "203.0.113.9"),
        # what is no address ends the walk at the hop before it
        ([""], "10.0.0.1"),
        (["unknown"], "10.0.0.1"),
        (["203.0.113.9, unknown"], "10.0.0.1"),
        (["203.0.113.9, unknown, 10.1.2.3"], "10.1.2.3"),
        (["203.0.113.9,"], "10.0.0.1"),
        (["203.0.113.256"], "10.0.0.1"),
        (["203.0.113.9:"], "10.0.0.1"),
        (["203.0.113.9:x"], "10.0.0.1"),
        (["[203.0.113.9"], "10.0.0.1"),
        (["[2001:db8::9]x"], "10.0.0.1"),
        (["fe80::1%eth0"], "10.0.0.1"),
        (["203.0.113.9; drop"], "10.0.0.1"),
        (["3405803785"], "10.0.0.1"),
    ],
)
def test_the_client_is_the_rightmost_hop_that_is_not_trusted(lines: list[str], client: str) -> None:
    assert client_of("10.0.0.1", lines, PROXIES) == client


# FA-03
@pytest.mark.parametrize("peer", ["203.0.113.1", "2001:db8::1", None, "", "not an address"])
def test_a_peer_that_is_not_trusted_is_the_client_whatever_it_sends(peer: str | None) -> None:
    assert client_of(peer, ["198.51.100.1"], PROXIES) == peer


def test_a_trusted_peer_is_known_in_both_forms() -> None:
    assert client_of("::ffff:10.0.0.1", ["203.0.113.9"], PROXIES) == "203.0.113.9"


# FA-03, PW-07
@pytest.mark.parametrize(
    ("trusted", "address"), [((), "127.0.0.1"), (("127.0.0.1/32",), "203.0.113.9")]
)
async def test_handlers_recognition_and_log_have_the_client_s_address(
    trusted: tuple[str, ...], address: str
) -> None:
    async with serving(trusted_proxies=trusted) as live:
        headers = [
            ("Authorization", "Bearer session"),
            ("X-Forwarded-For", "198.51.100.1"),
            ("X-Forwarded-For", "203.0.113.9"),
            ("Forwarded", "for=192.0.2.60"),
            ("X-Real-IP", "192.0.2.61"),
        ]
        await live.ask("GET", "/users/u2", headers=headers)

        assert live.runtime.recognition.addresses == [address]
