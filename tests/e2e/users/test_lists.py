"""GET /users: filters, search, pages, and nothing that could probe what is not shown."""

from __future__ import annotations

from typing import Any

import pytest
from yarl import URL

from tests.e2e.people import People
from tests.live import Live


async def ids(people: People, query: str) -> list[str]:
    answer = await people.first.caller.get(f"/users{query}")
    assert answer.status == 200, answer.text
    assert set(answer.body) <= {"users", "total", "next_cursor"}
    return [user["id"] for user in answer.body["users"]]


async def usernames(people: People, params: dict[str, Any]) -> list[str]:
    answer = await people.first.caller.get("/users", params=params)
    assert answer.status == 200, answer.text
    assert answer.body["total"] == len(answer.body["users"])
    return [user["username"] for user in answer.body["users"]]


async def test_newest_first(live: Live, people: People) -> None:
    made = [(await live.make_user(name))["id"] for name in ("ada", "ida", "eva")]

    assert (await ids(people, "?limit=3")) == made[::-1]
    assert (await ids(people, "?limit=3&sort=-created_at")) == made[::-1]


async def test_filters_by_role_and_status(live: Live, people: People) -> None:
    await live.make_user("asleep", role="viewer", status="suspended")

    assert len(await usernames(people, {"role": "viewer"})) == 3
    assert await usernames(people, {"role": "viewer", "status": "suspended"}) == ["asleep"]
    assert await usernames(people, {"status": "inactive"}) == []


async def test_search_is_part_of_a_name_or_an_address_in_any_case(
    live: Live, people: People
) -> None:
    await live.make_user("Ada.Lovelace", email="countess@example.com")

    for text in ("love", "LOVE", "ada.l", "countess", "COUNTESS@example", "Ada.Lovelace"):
        assert await usernames(people, {"search": text}) == ["Ada.Lovelace"]


@pytest.mark.parametrize(
    "text",
    ["%", "_%", "%%", "a%", "'", "''", "' OR '1'='1", '"', "\\", "\\%", ";", "--", "/*", "*", "?",
     "$1", "{}", "%s", "person%00", "ad\u200bmin", "\u0130", "x" * 128],
)  # fmt: skip
async def test_search_takes_signs_as_themselves(people: People, text: str) -> None:
    # IV-08
    assert await usernames(people, {"search": text}) == []


async def test_an_underscore_is_found_where_one_is(live: Live, people: People) -> None:
    await live.make_user("with_underscore")

    found = await usernames(people, {"search": "h_u"})
    every = await usernames(people, {"search": "_"})

    assert found == ["with_underscore"]
    assert set(every) == {
        "with_underscore",
        *(f"other_{role}.person" for role in ("viewer", "user", "admin", "super_admin")),
        "super_admin.person",
    }


@pytest.mark.parametrize(
    "query",
    ["?limit=0", "?limit=1001", "?limit=-1", "?limit=x", "?limit=1.5", "?limit=",
     "?limit=99999999999999999999", "?offset=-1", "?offset=x", "?offset=99999999999999999999",
     "?role=root", "?role=", "?role=Admin", "?status=x", "?status=", "?search=",
     "?search=" + "x" * 129, "?search=%00", "?limit=NaN", "?limit=%EF%BC%91",
     "?sort=password_hash", "?sort=username", "?sort=created_at", "?sort=-password_hash",
     "?sort=created_at;drop", "?sort=", "?sort=-created_at,email"],
)  # fmt: skip
async def test_a_bad_filter_page_or_sort_key_is_422(people: People, query: str) -> None:
    # AZ-08
    answer = await people.first.caller.get(f"/users{query}")

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert answer.body["errors"][0]["pointer"].startswith("/")


@pytest.mark.parametrize(
    "query",
    ["?password_hash=x", "?q=x", "?email_verified=1", "?filter[role]=admin", "?order=password",
     "?user_id=x", "?role[]=admin", "?_method=DELETE", "?access_token=x"],
)  # fmt: skip
async def test_unknown_parameters_are_ignored(people: People, query: str) -> None:
    # AZ-08
    assert len(await ids(people, query)) == 9


@pytest.mark.parametrize(
    "query", ["?role=admin&role=user", "?limit=1&limit=1", "?x=1&x=2", "?search=a&sea%72ch=b"]
)
async def test_a_repeated_parameter_is_400(people: People, query: str) -> None:
    # IV-04
    answer = await people.first.caller.get(f"/users{query}")

    assert (answer.status, answer.error) == (400, "invalid_request")


@pytest.mark.parametrize("query", ["?search=%FF", "?search=%ED%A0%80", "?search=%C0%AF"])
async def test_a_query_that_is_not_utf8_is_400(people: People, query: str) -> None:
    # IV-05
    address = URL(f"/api/v1/users{query}", encoded=True)

    answer = await people.first.caller.raw("GET", address)

    assert (answer.status, answer.error) == (400, "invalid_request")


@pytest.mark.parametrize("cursor", ["x", "", "AAAA", "eyJpZCI6MX0", "' OR 1=1", "%FF" * 2])
async def test_a_cursor_that_was_not_given_is_400(people: People, cursor: str) -> None:
    # AZ-08
    answer = await people.first.caller.get("/users", params={"cursor": cursor})

    assert (answer.status, answer.error) == (400, "invalid_cursor")


async def test_pages_put_together_are_the_list(people: People) -> None:
    whole = await ids(people, "")
    pages = [await ids(people, f"?limit=2&offset={offset}") for offset in range(0, 12, 2)]

    assert len(whole) == 9
    assert [user for page in pages for user in page] == whole
    beyond = (await people.first.caller.get("/users?offset=100")).body
    assert (beyond["users"], beyond["total"]) == ([], 9)


async def test_no_list_and_no_record_holds_a_hash(people: People) -> None:
    listed = await people.first.caller.get("/users")

    assert "argon2" not in listed.text
    assert all(
        set(user)
        <= {"id", "username", "email", "role", "status", "created_at", "updated_at", "last_login"}
        for user in listed.body["users"]
    )
