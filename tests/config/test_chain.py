"""The chain of authenticators, as the settings make it."""

from __future__ import annotations

from datetime import timedelta


def test_options_of_a_block_are_laid_over_those_of_its_plugin(place) -> None:
    place.write(
        '[plugins.jwt]\nsize = 7\nleeway = "1s"\n'
        '[[authenticators]]\nid = "first"\ntype = "jwt"\nsize = 3\n'
        '[[authenticators]]\nid = "second"\ntype = "jwt"\n'
    )
    blocks = place.settings().authenticators
    assert [(b.id, b.options.size, b.options.leeway) for b in blocks] == [
        ("first", 3, timedelta(seconds=1)),
        ("second", 7, timedelta(seconds=1)),
    ]


def test_blocks_make_the_chain_in_their_order(place) -> None:
    place.write(
        '[[authenticators]]\nid = "b"\ntype = "jwt"\n'
        '[[authenticators]]\nid = "a"\ntype = "apikey"\n'
    )
    assert [block.id for block in place.settings().authenticators] == ["b", "a"]
