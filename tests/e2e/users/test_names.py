"""Usernames and addresses: one canonical form each, unique in it."""

from __future__ import annotations

import pytest

from tests.e2e.people import People
from tests.live import ADMIN_PASSWORD, Live

GOOD = ["a", "A", "0", "a" * 64, "ada.lovelace", "ada_lovelace", "ada-lovelace", "a.", "a__--..",
        "007", "null", "true", "self", "me", "ADMIN2"]  # fmt: skip
BAD = [
    "", " ", "a" * 65, ".a", "-a", "_a", "a b", " a", "a ", "a\t", "a\n", "a\r\nb", "a@b", "a/b",
    "a\\b", "a'b", 'a"b', "a%b", "a;b", "ä", "аdmin", "admin\u200b", "ad\u00admin", "a\u202eb",
    "a\u0301", "ａdmin", "admin\u2028", "😀", "a:b", "a+b", "a,b", "a?b", "a#b", "<b>", "$(id)",
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
async def test_a_good_username_is_kept_as_given(people: People, name: str) -> None:
    # IV-07
    made = await people.first.caller.post("/users", {"username": name})

    assert made.status == 201
    assert made.body["username"] == name


async def test_every_other_username_is_refused(people: People) -> None:
    # IV-07
    caller = people.first.caller
    taken = [n for n in BAD if (await caller.post("/users", {"username": n})).status != 422]
    given = [
        n for n in BAD if (await caller.patch(people.user.path, {"username": n})).status != 422
    ]

    assert (taken, given) == ([], [])


async def test_a_name_is_taken_in_every_case(people: People) -> None:
    # IV-07
    caller = people.first.caller
    assert (await caller.post("/users", {"username": "Ada"})).status == 201

    for name in ("ada", "ADA", "Ada", "aDA"):
        made = await caller.post("/users", {"username": name})
        renamed = await caller.patch(people.other_user.path, {"username": name})
        assert (made.status, made.error) == (409, "conflict")
        assert (renamed.status, renamed.error) == (409, "conflict")


async def test_every_case_of_a_name_is_found_and_signs_in(live: Live, people: People) -> None:
    # IV-07
    made = await live.make_user("Ada.Lovelace")

    for name in ("ada.lovelace", "ADA.LOVELACE", "Ada.Lovelace", "aDA.lOVELACE"):
        caller = await live.sign_in(name)
        assert (await caller.get("/auth/me")).body["id"] == made["id"]
        found = (await people.first.caller.get("/users", params={"search": name})).body
        assert [user["id"] for user in found["users"]] == [made["id"]]


LOOK_LIKE_ADMIN = ["аdmin", "admіn", "ａｄｍｉｎ", "admin\u200b", "ADMİN", "admın", "ad\u00admin"]


@pytest.mark.parametrize("name", LOOK_LIKE_ADMIN, ids=ascii)
async def test_what_looks_like_another_name_is_none(live: Live, people: People, name: str) -> None:
    # IV-07: a privileged name has no confusable among names of ASCII
    caller = people.first.caller
    body = {"username": name, "password": ADMIN_PASSWORD}

    assert (await caller.post("/users", {"username": name})).status == 422
    assert (await caller.patch(people.user.path, {"username": name})).status == 422
    assert (await live.anonymous.post("/auth/login", body)).error == "invalid_credentials"
    assert (await caller.get("/users", params={"search": name})).body["total"] == 0


async def test_ones_own_name_in_another_case_is_no_conflict(people: People) -> None:
    name = people.other_user.username.upper()

    answer = await people.first.caller.patch(people.other_user.path, {"username": name})

    assert (answer.status, answer.body["username"]) == (200, name)


SAME_ADDRESS = [
    "ada@bücher.example",
    "ADA@bücher.example",
    "ada@BÜCHER.example",
    "Ada@xn--bcher-kva.example",
    "ada@XN--BCHER-KVA.EXAMPLE",
]


@pytest.mark.parametrize("email", SAME_ADDRESS)
async def test_an_address_is_unique_in_its_canonical_form(people: People, email: str) -> None:
    # IV-07
    caller = people.first.caller
    first = await caller.post("/users", {"username": "ada", "email": SAME_ADDRESS[0]})
    assert first.body["email"] == "ada@xn--bcher-kva.example"

    made = await caller.post("/users", {"username": "ida", "email": email})
    changed = await (await people.user.anew()).patch(people.user.path, {"email": email})

    assert (made.status, made.error) == (409, "conflict")
    assert (changed.status, changed.error) == (409, "conflict")


BAD_ADDRESSES = [
    "", " ", "ada", "@", "ada@", "@example.com", "ada@@example.com", "ada@example..com",
    "ada example@example.com", "ada@exa mple.com", "ädä@example.com", "ada@example.com\n",
    "ada@example.com\r\nBcc: x@example.com", '"ada"@example.com', "Ada <ada@example.com>",
    "a" * 65 + "@example.com", "ada@" + "e" * 64 + ".com", "ada@" + "ex." * 90 + "com",
    "ada@-example.com", "ada@[127.0.0.1]", "ada@example.com,ida@example.com",
    "ada\u200b@example.com",
    "mailto:ada@example.com", "ada@exam\u202eple.com", "ada@example.com ", " ada@example.com",
]  # fmt: skip


async def test_what_is_no_address_is_refused(people: People) -> None:
    caller = people.first.caller
    found = {}
    for number, email in enumerate(BAD_ADDRESSES):
        answer = await caller.post("/users", {"username": f"a{number}", "email": email})
        if answer.status != 422:
            found[email] = answer.status

    assert found == {}


async def test_an_empty_address_is_not_how_it_is_removed(people: People) -> None:
    answer = await people.first.caller.patch(people.user.path, {"email": ""})

    assert (answer.status, answer.error) == (422, "validation_failed")


async def test_two_users_have_no_address_at_once(people: People) -> None:
    caller = people.first.caller

    for name in ("ada", "ida"):
        made = await caller.post("/users", {"username": name, "email": None})
        assert made.status == 201
        assert "email" not in made.body


async def test_a_freed_name_and_address_can_be_taken(live: Live, people: People) -> None:
    caller = people.first.caller
    ada = await live.make_user("ada", email="ada@example.com")
    await caller.patch(f"/users/{ada['id']}", {"username": "ida", "email": None})

    again = await caller.post("/users", {"username": "ADA", "email": "ada@example.com"})

    assert again.status == 201
