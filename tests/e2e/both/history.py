"""A random history of requests, the same for every server that it is played on.

A step names what it is about by number: `users/3` is the fourth user that was made, whichever id
the server gave it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.live import USER_PASSWORD

LIST = Path(__file__).parents[2] / "data" / "naughty-strings" / "blns.json"
NAUGHTY: Sequence[str] = json.loads(LIST.read_text(encoding="utf-8"))
WORST = (
    "\0",
    "a\0b",
    "\ud800",
    "a\udfff",
    "\u202e",
    "e\u0301",
    "\xe9",
    "ß",
    "ǅ",
    "%",
    "_",
    "\\",
    "'",
)
BROKEN = (
    b'{"name": "\xff"}',
    b'{"name": "\xc3\x28"}',
    b'{"name": "\xed\xa0\x80"}',
    b'{"name": "\\u0000"}',
    b'{"name": "\\ud800"}',
    b'{"name": "\\udfff\\ud800"}',
    b'{"name": "a", "name": "b"}',
    b'{"name": 1e999}',
    b'{"name": "\xf0\x9f\x98\x80"}',
    b'\xef\xbb\xbf{"name": "a"}',
    b"[" * 40,
    b"",
)


@dataclass(frozen=True)
class Step:
    """One request. `{users/3}` in path and body stands for an id; `who` calls."""

    who: str
    method: str
    path: str
    body: Any = None
    raw: bytes | None = None
    query: Mapping[str, str] | None = None
    makes: str = ""
    """The kind of thing that it makes, if it is answered 201."""


class Historian:
    """Makes up what happens; it knows how much may be there, and not what was answered."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._made = {"users": 0, "environments": 0, "api-keys": 0}

    def steps(self, number: int) -> Iterator[Step]:
        """So many steps, after those that make something of everything."""
        for kind in self._made:
            for _ in range(3):
                yield self._make(kind)
        doing: Sequence[tuple[Callable[[], Step], int]] = (
            (lambda: self._make(self._kind()), 6),
            (lambda: self._list(self._kind()), 6),
            (self._change, 6),
            (self._broken, 2),
            (self._share, 4),
            (self._switch, 2),
            (self._look, 6),
            (self._remove, 2),
            (self._ask, 3),
            (self._sign_in, 1),
        )
        what, weights = zip(*doing, strict=True)
        for _ in range(number):
            yield self._random.choices(what, weights)[0]()

    def _text(self) -> str:
        kind = self._random.randrange(4)
        if kind == 0:
            return self._random.choice(NAUGHTY)
        if kind == 1:
            return self._random.choice(WORST)
        if kind == 2:
            return "".join(chr(self._random.randrange(0x20, 0x2FF)) for _ in range(6))
        return f"name-{self._random.randrange(40)}"

    def _kind(self) -> str:
        return self._random.choice(list(self._made))

    def _who(self) -> str:
        return self._random.choice(
            (*["first"] * 5, "user", "user", "admin", "viewer", "key", "nobody")
        )

    def _one(self, kind: str) -> str:
        return f"{{{kind}/{self._random.randrange(self._made[kind] * 10 + 1) // 10}}}"

    def _fields(self, kind: str) -> dict[str, Any]:
        choose = self._random.choice
        if kind == "users":
            every: dict[str, Any] = {
                "username": choose((self._text(), f"u{self._random.randrange(99)}")),
                "email": choose((self._text(), f"{self._random.randrange(30)}@example.com", None)),
                "role": choose(("viewer", "user", "admin", "king")),
            }
        elif kind == "environments":
            labels = {self._text(): self._text(), "team": choose(("a", "b"))}
            every = {"name": self._text(), "description": self._text(), "labels": labels}
        else:
            scopes = [["self:read"], ["environments:read", "self:read"], ["nothing"]]
            every = {
                "name": self._text(),
                "description": self._text(),
                "scopes": choose(scopes),
                "rate_limit": choose(("5/day", "100/minute", self._text())),
                "expires_in": choose((3600, 0, -1, 10**20)),
            }
        most = self._random.choice((1, 1, 1, 2, len(every)))
        return dict(self._random.sample(sorted(every.items(), key=lambda each: each[0]), most))

    def _make(self, kind: str) -> Step:
        body = self._fields(kind)
        if self._random.random() < 0.6:  # one that is taken
            number = self._made[kind]
            body = {"username": f"made-{number}"} if kind == "users" else {"name": f"n {number}"}
        self._made[kind] += 1
        who = self._random.choice(("first", "user", "admin"))
        return Step(who, "POST", f"/{kind}", body, makes=kind)

    def _list(self, kind: str) -> Step:
        choose = self._random.choice
        every = {
            "limit": choose(("1", "3", "1000", "0", "x", "99999999999999999999")),
            "offset": choose(("0", "2", "9223372036854775808", "-1")),
            "search": choose((self._text(), "name", "N", "%", "_", "é")),
            "status": choose(("active", "inactive", "revoked", "x")),
            "role": choose(("user", "admin", "\0")),
            "label": choose(("team:a", "team", self._text())),
            "cursor": choose(("x", "{cursor}", self._text())),
            "user_id": choose((self._one("users"), "\0", "x")),
        }
        query = dict(self._random.sample(sorted(every.items()), self._random.randrange(3)))
        return Step(self._who(), "GET", f"/{kind}", query=query)

    def _change(self) -> Step:
        kind = self._kind()
        return Step(self._who(), "PATCH", f"/{kind}/{self._one(kind)}", self._fields(kind))

    def _broken(self) -> Step:
        path = self._random.choice(("/environments", "/users", "/api-keys", "/auth/login"))
        return Step("first", "POST", path, raw=self._random.choice(BROKEN))

    def _share(self) -> Step:
        path = f"/environments/{self._one('environments')}/permissions"
        permission = self._random.choice(("viewer", "editor", "owner", "owner", "king"))
        whom = self._one("users")
        if self._random.random() < 0.3:
            return Step(self._who(), "DELETE", f"{path}/{whom}")
        return Step(self._who(), "PUT", f"{path}/{whom}", {"permission": permission})

    def _switch(self) -> Step:
        word = self._random.choice(("enable", "disable", "unlock"))
        return Step("first", "POST", f"/users/{self._one('users')}/{word}")

    def _look(self) -> Step:
        kind = self._kind()
        which = self._random.choice((*[self._one(kind)] * 4, self._text()))
        return Step(self._who(), "GET", f"/{kind}/{which}")

    def _remove(self) -> Step:
        kind = self._kind()
        return Step(self._random.choice(("first", "user")), "DELETE", f"/{kind}/{self._one(kind)}")

    def _ask(self) -> Step:
        action = self._random.choice(("environments:read", "environments:write", self._text()))
        check = {"action": action, "environment_id": self._one("environments")}
        return Step(self._who(), "POST", "/authorize", {"checks": [check]})

    def _sign_in(self) -> Step:
        body = {"username": self._text(), "password": self._random.choice((USER_PASSWORD, "\0"))}
        return Step("nobody", "POST", "/auth/login", body)
