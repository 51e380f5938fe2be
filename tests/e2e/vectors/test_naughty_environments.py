"""The big list of naughty strings in everything around environments and permissions."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

from tests.e2e.environments.sandbox import path_of, register
from tests.e2e.people import People
from tests.e2e.vectors.test_naughty_strings import STRINGS, is_text

FIELDS: dict[str, Any] = {
    "name": lambda text: {"name": text},
    "image": lambda text: {"image": text},
    "value of a label": lambda text: {"labels": {"label": text}},
    "a label": lambda text: {"labels": {text: "value"}},
    "resources": lambda text: {"resources": {"cpu": text}},
    "members of the orchestrator": lambda text: {"env": {text: [text]}, "command": text},
}


def is_taken(field: str, text: str) -> bool:
    """Whether this field takes that text."""
    if field == "members of the orchestrator":
        return "\0" not in text
    if field == "resources":
        return 0 < len(text) <= 128 and "\0" not in text
    if field == "image":
        return text == "" or (is_text(text) and len(text) <= 512)
    return is_text(text) and len(text) <= 128 and not (field == "a label" and ":" in text)


@pytest.mark.parametrize("field", FIELDS)
async def test_what_is_taken_comes_back_exactly(people: People, field: str) -> None:
    # IV-05 IV-08
    caller, wrong, taken = people.user.caller, {}, 0
    path = path_of(await register(people.user))
    for text in STRINGS:
        body = FIELDS[field](text)
        answer = await caller.patch(path, body)
        if is_taken(field, text):
            there = (await caller.get(path)).body
            good = answer.status == 200 and body.items() <= there.items()
            taken += 1
        else:
            good = answer.status in {400, 422}
        if not good:
            wrong[text] = answer.status

    assert wrong == {}
    assert taken > 250


async def test_what_is_searched_is_found_as_it_is(people: People) -> None:
    # IV-08
    caller, wrong = people.user.caller, {}
    path = path_of(await register(people.user))
    for text in (text for text in STRINGS if is_taken("a label", text)):
        await caller.patch(path, {"name": text, "labels": {text: text}})
        for query in ({"label": f"{text}:{text}"}, {"search": text}):
            answer = await caller.get("/environments", params=query)
            if (answer.status, (answer.body or {}).get("total")) != (200, 1):
                wrong[text] = answer.status

    assert wrong == {}


QUERIES = ["/environments?search=", "/environments?label=x:", "/environments?label=",
           "/environments?status=", "/environments?user_id=", "/environments?cursor=",
           "/environments?sort="]  # fmt: skip


@pytest.mark.parametrize("path", QUERIES)
async def test_nothing_in_a_query_is_more_than_a_text(people: People, path: str) -> None:
    # IV-05 IV-08
    await register(people.user)
    wrong = {}
    for text in STRINGS:
        url = URL(f"/api/v1{path}{quote(text, safe='', errors='replace')}", encoded=True)
        answer = await people.user.caller.raw("GET", url)
        none = answer.status == 200 and answer.body["environments"] == []
        if not (none or answer.status in {400, 422, 431}):
            wrong[text] = (answer.status, answer.body)

    assert wrong == {}


async def test_nobody_and_nothing_is_named_so(people: People) -> None:
    # IV-05 IV-08
    owner, wrong = people.user.caller, {}
    path = f"{path_of(await register(people.user))}/permissions"
    for text in STRINGS:
        asked = [
            await owner.post(path, {"username": text, "permission": "viewer"}),
            await owner.post(path, {"user_id": text, "permission": "viewer"}),
            await owner.post("/api-keys", {"permissions": [entry(text)]}),
        ]
        statuses = {answer.status for answer in asked}
        question = await owner.post("/authorize", entry(text))
        refused = question.status in {400, 422} or question.body["reason"] == "no_permission"
        if not (statuses <= {400, 404, 422} and refused):
            wrong[text] = (statuses, question.text)

    assert wrong == {}


def entry(environment_id: str) -> dict[str, str]:
    """Seen as a viewer."""
    return {"environment_id": environment_id, "permission": "viewer"}


@pytest.mark.parametrize("path", ["/environments/{}", "/environments/{}/permissions",
                                  "/users/{}/permissions", "/users/{}/sessions",
                                  "/api-keys/{}/permissions", "/api-keys/{}/usage",
                                  "/auth/sessions/{}"])  # fmt: skip
async def test_no_path_leads_anywhere(people: People, path: str) -> None:
    # IV-05 IV-08
    wrong = {}
    for text in STRINGS:
        encoded = quote(text, safe="", errors="replace")
        if encoded in {"", ".", ".."}:
            continue  # these are other paths
        url = URL("/api/v1" + path.format(encoded), encoded=True)
        method = "DELETE" if path.startswith("/auth") else "GET"
        status = (await people.first.caller.raw(method, url)).status
        if status not in {400, 404, 431}:
            wrong[text] = status

    assert wrong == {}
