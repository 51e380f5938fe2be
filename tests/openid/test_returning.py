"""Where a browser may be sent in the end is judged before it is sent anywhere."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from urllib.parse import quote

import pytest

from tests.live import ADMIN_PASSWORD
from tests.model.formats.test_return_to import HOSTILE
from tests.openid.scene import Scene


def forms() -> list[str]:
    """Each as it is, and encoded once and twice beyond what the query needs."""
    once = [quote(text, safe="") for text in HOSTILE]
    twice = [quote(text, safe="") for text in once]
    return sorted({*HOSTILE, *once, *twice})


def flows(scene: Scene) -> int:
    with closing(sqlite3.connect(scene.folder / "agentbox.db")) as database:
        return int(database.execute("SELECT count(*) FROM login_flows").fetchone()[0])


@pytest.mark.parametrize("route", ["url", "login"])
async def test_nobody_is_sent_away_with_a_hostile_target(scene: Scene, route: str) -> None:
    # OA-10
    browser = scene.browser()
    taken = {}
    for text in forms():
        path = f"/api/v1/auth/fake/{route}?return_to={quote(text, safe='')}"
        answer = await browser.ask("GET", path)
        if answer.status not in {400, 422} or "Location" in answer.headers:
            taken[text] = answer.status

    assert len(forms()) > 3 * 41
    assert taken == {}
    assert browser.cookie is None
    assert flows(scene) == 0


@pytest.mark.parametrize("page", ["/search?q=hello%20world", "/?a=%23tag", "/a%20b/%E2%82%AC"])
async def test_a_page_of_ours_is_reached_as_it_was_written(scene: Scene, page: str) -> None:
    browser = scene.browser()
    landed = await browser.sign_in("fake", return_to=page)
    address, _, code = landed.headers["Location"].rpartition("code=")

    assert address == f"http://127.0.0.1:8080{page}{'&' if '?' in page else '?'}"
    answer = await browser.ask("POST", "/api/v1/auth/exchange", json={"code": code})
    assert answer.status == 200


async def test_nobody_links_with_a_hostile_target(scene: Scene) -> None:  # OA-10
    taken = {}
    for text in HOSTILE:
        body = {"current_password": ADMIN_PASSWORD, "return_to": text}
        answer = await scene.admin.post("/auth/identities/fake/link", body)
        if answer.status != 422:
            taken[text] = answer.status

    assert taken == {}
    assert flows(scene) == 0


async def test_a_target_that_comes_twice_is_refused(scene: Scene) -> None:  # OA-10, IV-04
    answer = await scene.browser().ask(
        "GET", "/api/v1/auth/fake/login?return_to=/a&return_to=//evil.example"
    )

    assert answer.status == 400


async def test_a_callback_has_no_say_in_where_it_leads(scene: Scene) -> None:  # OA-10
    browser = scene.browser()
    callback = await browser.returned("fake", return_to="/app")
    answer = await browser.ask("GET", f"{callback}&return_to=https://evil.example/")

    assert answer.headers["Location"].startswith("http://127.0.0.1:8080/app?code=")
