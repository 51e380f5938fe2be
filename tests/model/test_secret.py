"""A secret shows nothing of itself."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass

import msgspec
import pytest

from agentbox.model.secret import Secret


@dataclass
class Holder:
    secret: Secret


class Frozen(msgspec.Struct, frozen=True):
    secret: Secret


SHOWN = [
    repr,
    str,
    "{}".format,
    "{!r}".format,
    lambda secret: f"{secret}",
    lambda secret: "%s" % secret,  # noqa: UP031
    lambda secret: repr([secret]),
    lambda secret: repr(Holder(secret)),
    lambda secret: repr(Frozen(secret)),
    lambda secret: repr(ValueError(secret)),
]


@pytest.mark.parametrize("show", SHOWN)
def test_no_way_of_showing_it_shows_it(show: object) -> None:
    assert callable(show)
    assert "canary" not in show(Secret("canary"))


def test_it_reveals_itself_when_asked() -> None:
    assert Secret("canary").reveal() == "canary"


def test_it_is_not_written_as_json() -> None:
    with pytest.raises(TypeError):
        msgspec.json.encode(Frozen(Secret("canary")))


def test_equal_secrets_are_equal_and_hash_alike() -> None:
    assert Secret("a") == Secret("a")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")


def test_a_secret_is_not_equal_to_its_text() -> None:
    assert Secret("a") != "a"


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret(" ")


def test_a_copy_is_the_same_secret() -> None:
    secret = Secret("canary")
    assert copy.deepcopy(secret) == secret
    assert pickle.loads(pickle.dumps(secret)) == secret
