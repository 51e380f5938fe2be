"""Every file of the JSON test suite as the body of routes that make something.

None is a 5xx; what the suite calls invalid (`n_`) is never taken. The routes want objects, so of
what it calls valid (`y_`) nearly all is 422, on purpose: unknown fields, equal names, NUL.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.people import People
from tests.live import Answer

FOLDER = Path(__file__).parents[2] / "data" / "json-test-suite" / "test_parsing"
FILES = sorted(FOLDER.glob("*.json"))
ROUTES = ["/auth/login", "/users", "/api-keys"]
JSON = {"Content-Type": "application/json"}

MALFORMED_ON_PURPOSE = {
    "y_object_duplicated_key.json",
    "y_object_duplicated_key_and_value.json",
}
"""Well-formed by RFC 8259, and refused: equal names mean something else to every reader."""

OBJECTS_WITHOUT_MEMBERS = {"y_object_empty.json"}
"""`{}` makes an API key with everything by default."""


def test_the_suite_is_there() -> None:
    assert len(FILES) == 318
    assert {path.name[:2] for path in FILES} == {"y_", "n_", "i_"}


async def ask(people: People, route: str, body: bytes) -> Answer:
    return await people.first.caller.request("POST", route, data=body, headers=JSON)


@pytest.mark.parametrize("route", ROUTES)
async def test_what_is_invalid_is_never_taken(people: People, route: str) -> None:
    # IV-03
    found = {}
    for path in FILES:
        if path.name.startswith("n_"):
            answer = await ask(people, route, path.read_bytes())
            if (answer.status, answer.error) != (400, "malformed_body"):
                found[path.name] = (answer.status, answer.error)

    # Nested deeper than the text is long: over 64 KiB, so it is not even read.
    too_large = found.pop("n_structure_100000_opening_arrays.json", None)
    also_large = found.pop("n_structure_open_array_object.json", None)
    assert found == {}
    assert {too_large, also_large} == {(413, "payload_too_large")}


@pytest.mark.parametrize("route", ROUTES)
async def test_what_is_valid_is_judged_by_its_meaning(people: People, route: str) -> None:
    # IV-03 IV-04
    found = {}
    for path in FILES:
        if path.name.startswith("y_"):
            answer = await ask(people, route, path.read_bytes())
            expected = 422
            if path.name in MALFORMED_ON_PURPOSE:
                expected = 400
            elif path.name in OBJECTS_WITHOUT_MEMBERS and route == "/api-keys":
                expected = 201
            if answer.status != expected:
                found[path.name] = (answer.status, answer.error)

    assert found == {}


@pytest.mark.parametrize("route", ROUTES)
async def test_what_is_left_open_is_refused_in_order(people: People, route: str) -> None:
    # IV-03
    statuses = {}
    for path in FILES:
        if path.name.startswith("i_"):
            statuses[path.name] = (await ask(people, route, path.read_bytes())).status

    assert set(statuses.values()) <= {400, 422}


STRICT: list[tuple[bytes, int]] = [
    (b'{"username":"ada","role":"viewer","r\\u006fle":"super_admin"}', 400),
    (b'{"username":"ada","username":"ida"}', 400),
    (b'{"username":"ada"}{"username":"ida"}', 400),
    (b'{"username":"ada"} x', 400),
    (b'{"username":"ada"}\x00', 400),
    (b'\xef\xbb\xbf{"username":"ada"}', 400),
    ('{"username":"ada"}'.encode("utf-16"), 400),
    ('{"username":"ada"}'.encode("utf-16-be"), 400),
    (b'{"username":"ada",}', 400),
    (b"{'username':'ada'}", 400),
    (b'{"username":"ada"/**/}', 400),
    (b'{"username":"ada"} // x', 400),
    (b'{"username":"\xff"}', 400),
    (b'{"username":"\xed\xa0\x80"}', 400),
    (b'{"username":"\\ud800"}', 400),
    (b'{"username":"a\\u0000"}', 422),
    (b'{"\\u0000":"ada"}', 422),
    (b'{"username":NaN}', 400),
    (b'{"username":1e999}', 400),
    (b'{"username":18446744073709551616}', 400),
    (b'{"username":' + b"9" * 5000 + b"}", 400),
    (b'{"username":' + b"[" * 33 + b"]" * 33 + b"}", 400),
    (b'{"username":' + b"[" * 20 + b"]" * 20 + b"}", 422),
    (b"[" * 60_000, 400),
    (b"", 400),
    (b" ", 400),
    (b"null", 422),
    (b"username=ada", 400),
    (b"<user/>", 400),
]


@pytest.mark.parametrize(("body", "status"), STRICT, ids=lambda value: repr(value)[:40])
async def test_corners_that_the_suite_has_not(people: People, body: bytes, status: int) -> None:
    # IV-03 IV-04 IV-05
    assert (await ask(people, "/users", body)).status == status
    assert (await people.first.caller.get("/users?search=ada")).body["total"] == 0
