"""The big list of naughty strings wherever a client can put text, against the whole server.

None is a 5xx, and what is taken comes back exactly.
"""

from __future__ import annotations

import asyncio
import json
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
from yarl import URL

from agentbox.model.formats.names import canonical_email, is_username
from tests.e2e.people import People, Template
from tests.e2e.wire import send
from tests.live import UNTHROTTLED, Live, live_server

LIST = Path(__file__).parents[2] / "data" / "naughty-strings" / "blns.json"
STRINGS: list[str] = json.loads(LIST.read_text(encoding="utf-8"))
CONTROLS = {"Cc", "Cs", "Zl", "Zp"}


def is_text(text: str) -> bool:
    """Neither empty nor with a control character."""
    return bool(text) and not any(unicodedata.category(sign) in CONTROLS for sign in text)


def test_the_list_is_there() -> None:
    assert len(STRINGS) > 500


async def test_as_usernames(people: People) -> None:
    # IV-05 IV-07 IV-08
    caller, taken, wrong = people.first.caller, set[str](), {}
    for text in STRINGS:
        answer = await caller.post("/users", {"username": text})
        if not is_username(text):
            good = answer.status in {400, 422}
        elif text.lower() in taken:
            good = answer.status == 409
        else:
            taken.add(text.lower())
            there = await caller.get(f"/users/{answer.body['id']}")
            good = answer.status == 201 and there.body["username"] == text
        if not good:
            wrong[text] = answer.status

    assert wrong == {}
    assert len(taken) > 20


async def test_as_addresses(people: People) -> None:
    # IV-05 IV-08
    caller, wrong = people.first.caller, {}
    for text in STRINGS:
        answer = await caller.patch(people.user.path, {"email": text})
        expected = {200} if canonical_email(text) else {400, 422}
        if answer.status not in expected:
            wrong[text] = answer.status

    assert wrong == {}


@pytest.mark.parametrize(("field", "longest"), [("name", 128), ("description", 1024)])
async def test_as_texts_of_keys(people: People, field: str, longest: int) -> None:
    # IV-05 IV-08
    caller, taken, wrong = people.user.caller, 0, {}
    for text in STRINGS:
        answer = await caller.post("/api-keys", {field: text})
        if is_text(text) and len(text) <= longest:
            there = await caller.get(f"/api-keys/{answer.body['id']}")
            good = answer.status == 201 and there.body[field] == text
            taken += 1
        else:
            empty = text == "" and field == "description"
            good = answer.status in ({201} if empty else {400, 422})
        if not good:
            wrong[text] = answer.status

    assert wrong == {}
    assert taken > 400


@pytest.fixture
async def patient(template: Template, tmp_path: Path) -> AsyncIterator[Live]:
    """A server that takes as many wrong passwords as there are texts."""
    template.copy_to(tmp_path)
    async with live_server(tmp_path, environ=UNTHROTTLED) as server:
        yield server


async def test_as_names_and_passwords_at_login(patient: Live) -> None:
    # IV-05 IV-08 PW-01
    wrong = {}

    async def login(text: str) -> None:
        answer = await patient.anonymous.post("/auth/login", {"username": text, "password": text})
        if answer.status not in {400, 401, 422}:
            wrong[text] = answer.status

    for start in range(0, len(STRINGS), 2):  # as many at a time as there are cores to hash on
        await asyncio.gather(*map(login, STRINGS[start : start + 2]))

    assert wrong == {}


async def test_as_passwords_of_new_users(people: People) -> None:
    # IV-05
    wrong = {}
    for number, text in enumerate(STRINGS):
        if len(text) < 20 or number % 4 == 0:  # long ones pass the policy, and then are hashed
            body = {"username": f"n{number}", "password": text}
            answer = await people.first.caller.post("/users", body)
            if answer.status not in {201, 400, 422}:
                wrong[text] = answer.status

    assert wrong == {}


async def test_a_naughty_password_signs_in_exactly_as_set(live: Live, people: People) -> None:
    # PW-03
    strong = [text for text in STRINGS if 30 < len(text) < 60 and is_text(text)][:8]
    signed_in = 0
    for number, text in enumerate(strong):
        body = {"username": f"p{number}", "password": text}
        if (await people.first.caller.post("/users", body)).status == 201:
            await live.sign_in(body["username"], text)
            signed_in += 1
            for other in (text[:-1], text + " ", text.swapcase()):
                login = {"username": body["username"], "password": other}
                answer = await live.anonymous.post("/auth/login", login)
                assert answer.status == (200 if other == text else 401)

    assert signed_in > 3


QUERIES = ["/users?search=", "/users?cursor=", "/users?sort=", "/users?role=", "/users?limit=",
           "/api-keys?user_id=", "/api-keys?state="]  # fmt: skip


@pytest.mark.parametrize("path", QUERIES)
async def test_in_queries(people: People, path: str) -> None:
    # IV-05 IV-08
    wrong = {}
    for text in STRINGS:
        url = URL(f"/api/v1{path}{quote(text, safe='', errors='replace')}", encoded=True)
        answer = await people.first.caller.raw("GET", url)
        if answer.status not in {200, 400, 404, 422, 431}:
            wrong[text] = answer.status
        if answer.status == 200 and path.endswith("search="):
            found = [user["username"] for user in answer.body["users"]]
            if [name for name in found if text.lower() not in name]:
                wrong[text] = answer.status

    assert wrong == {}


@pytest.mark.parametrize("path", ["/users/", "/api-keys/"])
async def test_in_paths(people: People, path: str) -> None:
    # IV-05 IV-08
    wrong = {}
    for text in STRINGS:
        encoded = quote(text, safe="", errors="replace")
        if encoded in {"", ".", ".."}:
            continue  # these are other paths
        url = URL(f"/api/v1{path}{encoded}", encoded=True)
        statuses = {
            (await people.first.caller.raw(method, url)).status for method in ("GET", "DELETE")
        }
        if not statuses <= {400, 404, 431}:
            wrong[text] = statuses

    assert wrong == {}


HEADERS = ["X-Request-Id", "X-API-Key", "Authorization", "User-Agent", "Accept", "Cookie", "Origin",
           "Content-Type", "X-Forwarded-For", "If-None-Match", "Host"]  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
async def test_in_headers(live: Live, header: str) -> None:
    # IV-05 OB-02
    wrong = {}
    for text in STRINGS:
        value = text.encode("utf-8", "replace").translate(None, b"\r\n\0")
        host = [] if header == "Host" else ["Host: localhost"]
        said = await send(
            live, "GET /api/v1/auth/me HTTP/1.1", *host, header.encode() + b": " + value
        )
        if said.status not in {400, 401, 431}:
            wrong[text] = said.status

    assert wrong == {}


async def test_as_a_user_agent_of_a_login(live: Live, people: People) -> None:
    # IV-05 IV-08
    wrong = {}
    body = b'{"username":"user.person","password":"copper-lantern-orbit-28"}'
    for text in STRINGS[::8]:
        value = text.encode("utf-8", "replace").translate(None, b"\r\n\0")
        said = await send(
            live,
            "POST /api/v1/auth/login HTTP/1.1",
            "Host: localhost",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            b"User-Agent: " + value,
            body=body,
        )
        if said.status not in {200, 400}:
            wrong[text] = said.status

    assert wrong == {}
