"""A callback is good once, for ten minutes, in the browser and at the provider that it began at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tests.live import ADMIN_PASSWORD, ShiftedClock
from tests.openid.browser import FLOW_COOKIE, Browser, parameters
from tests.openid.fake_provider import FakeProvider, fake_provider
from tests.openid.refusing import refused, setting
from tests.openid.scene import RETURN_TO, Outcome, Scene, scene_at


async def ended(scene: Scene, browser: Browser, callback: str) -> Outcome:
    """How a callback that is refused ended; nobody is made by it."""
    before = await scene.rows()
    earlier = len(await scene.refusals())
    outcome = await scene.outcome(await browser.ask("GET", callback), earlier)
    assert await scene.rows() == before
    return outcome


def refusal(reason: str) -> Outcome:
    return Outcome(401, "invalid_grant", reason)


async def test_a_state_is_good_once(scene: Scene) -> None:  # OA-01
    browser = scene.browser()
    callback = await browser.returned("fake")
    cookie = browser.cookie
    assert (await browser.ask("GET", callback)).status == 200
    browser.cookie = cookie

    assert await ended(scene, browser, callback) == refusal("unknown_flow")


async def test_of_many_at_once_one_is_let_in(scene: Scene) -> None:  # OA-01
    browser = scene.browser()
    callback = await browser.returned("fake")
    headers = {"Cookie": f"{FLOW_COOKIE}={browser.cookie}"}
    answers = await asyncio.gather(
        *(browser.ask("GET", callback, headers=headers) for _ in range(10))
    )

    assert sorted(answer.status for answer in answers) == [200] + [401] * 9
    assert scene.provider.asked["token"] == 1


async def test_a_state_is_good_for_ten_minutes(scene: Scene) -> None:  # OA-01
    browser = scene.browser()
    callback = await browser.returned("fake")
    scene.advance(601)
    assert await ended(scene, browser, callback) == refusal("unknown_flow")

    callback = await browser.returned("fake")
    scene.advance(595)
    assert (await browser.ask("GET", callback)).status == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_without_the_cookie_nobody_is_let_in_and_who_began_still_is(
    scene: Scene, method: str
) -> None:
    # OA-01: whatever looks at addresses on their way, such as a scanner of mail
    browser = scene.browser()
    callback = await browser.returned("fake")
    before = await scene.rows()
    body = {"json": parameters(callback)} if method == "POST" else {}
    path = callback if method != "POST" else "/api/v1/auth/fake/callback"

    assert (await scene.browser().ask(method, path, **body)).status == 401
    assert await scene.refusals() == ["browser"]
    assert await scene.rows() == before
    assert scene.provider.asked["token"] == 0
    assert (await browser.ask("GET", callback)).status == 200


async def test_who_only_looks_uses_nothing_up(scene: Scene) -> None:
    # OA-01: a HEAD with the cookie, as of a preview, which shows nobody the tokens
    browser = scene.browser()
    callback = await browser.returned("fake")
    before = await scene.rows()
    answer = await browser.ask("HEAD", callback)

    assert (answer.status, answer.headers["Allow"]) == (405, "GET,POST")
    assert await scene.rows() == before
    assert scene.provider.asked["token"] == 0
    assert (await browser.ask("GET", callback)).status == 200


@pytest.mark.parametrize("how", ["url", "login"])
async def test_who_only_looks_begins_nothing(scene: Scene, how: str) -> None:
    answer = await scene.browser().ask("HEAD", f"/api/v1/auth/fake/{how}")

    assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    assert "Set-Cookie" not in answer.headers


async def test_a_refusal_of_the_provider_uses_the_state_up(scene: Scene) -> None:  # OA-01
    browser = scene.browser()
    scene.provider.callback = {"code": ..., "error": "access_denied"}
    callback = await browser.returned("fake")

    assert await ended(scene, browser, callback) == refusal("denied")
    assert await ended(scene, browser, callback) == refusal("unknown_flow")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_link_without_the_cookie_is_not_made(scene: Scene, method: str) -> None:
    # OA-01
    body = {"current_password": ADMIN_PASSWORD}
    begun = await scene.admin.post("/auth/identities/fake/link", body)
    callback = await scene.browser().visit(begun.body["url"])
    before = await scene.rows()
    more = {"json": parameters(callback)} if method == "POST" else {}
    path = callback if method != "POST" else "/api/v1/auth/fake/callback"
    other = scene.browser()
    await other.begin("fake")

    for browser in (scene.browser(), other):
        assert (await browser.ask(method, path, **more)).error == "invalid_grant"
    assert await scene.rows() == before
    assert (await scene.admin.get("/auth/identities")).body == {"identities": []}


async def test_another_browser_is_not_the_one_that_began(scene: Scene) -> None:  # OA-01
    victim, attacker = scene.browser(), scene.browser()
    await victim.begin("fake")
    callback = await attacker.returned("fake")

    assert await ended(scene, victim, callback) == refusal("browser")


async def test_a_cookie_that_comes_twice_is_no_cookie(scene: Scene) -> None:  # OA-01
    browser = scene.browser()
    callback = await browser.returned("fake")
    own, other = f"{FLOW_COOKIE}={browser.cookie}", f"{FLOW_COOKIE}={'A' * 43}"
    answers = [
        await browser.ask("GET", callback, headers={"Cookie": header})
        for header in (f"{own}; {other}", f"{other}; {own}", f"{own}; {own}")
    ]

    assert {(answer.status, answer.error) for answer in answers} == {(400, "invalid_request")}
    assert (await browser.ask("GET", callback)).status == 200


@pytest.mark.parametrize(
    "name", ["agentbox_flow", "__host-agentbox_flow", "__Secure-agentbox_flow"]
)
async def test_a_cookie_of_another_name_is_none(scene: Scene, name: str) -> None:  # OA-01
    browser = scene.browser()
    callback = await browser.returned("fake")
    other = scene.browser()
    answer = await other.ask("GET", callback, headers={"Cookie": f"{name}={browser.cookie}"})

    assert answer.error == "invalid_grant"


async def test_parameters_that_come_twice_are_refused(scene: Scene) -> None:  # IV-04
    browser = scene.browser()
    callback = await browser.returned("fake")
    answers = {
        name: await browser.ask("GET", f"{callback}&{name}=x")
        for name in ("state", "code", "iss", "%73tate")
    }

    assert {answer.status for answer in answers.values()} == {400}
    assert (await browser.ask("GET", callback)).status == 200


async def test_a_state_that_we_never_made_is_refused(scene: Scene) -> None:  # OA-01
    browser = scene.browser()
    query = parameters(await browser.returned("fake"))
    for state in ("", "x", "A" * 43, "A" * 129, query["state"][:-1], query["state"].swapcase()):
        callback = f"/api/v1/auth/fake/callback?code=x&state={state}"
        assert await ended(scene, browser, callback) == refusal("unknown_flow")
    assert await ended(scene, browser, "/api/v1/auth/fake/callback") == refusal("unknown_flow")


async def test_the_answer_names_its_issuer_and_brings_a_code(scene: Scene) -> None:  # OA-04
    callbacks = {
        "another issuer": ({"iss": "https://accounts.evil.test"}, "answer_issuer"),
        "issuer with a slash": ({"iss": f"{scene.provider.issuer}/"}, "answer_issuer"),
        "empty issuer": ({"iss": ""}, "answer_issuer"),
        "no issuer though it is promised": ({"iss": ...}, "answer_issuer_missing"),
        "no code": ({"code": ...}, "code_missing"),
        "empty code": ({"code": ""}, "code_missing"),
        "made up code": ({"code": "made up"}, "code_refused"),
        "denied": ({"code": ..., "error": "access_denied"}, "denied"),
        "refused": (
            {"code": ..., "error": "server_error", "error_description": "<script>"},
            "provider_refused",
        ),
        "refused, and a code": ({"error": "login_required"}, "provider_refused"),
        "denied by somebody else": (
            {"error": "access_denied", "iss": "https://accounts.evil.test"},
            "answer_issuer",
        ),
    }
    twists = {name: setting(callback=changes) for name, (changes, _) in callbacks.items()}

    found = await refused(scene, twists)

    assert found == {name: reason for name, (_, reason) in callbacks.items()}


async def test_an_issuer_is_looked_at_even_where_none_is_promised(
    folder: Path, clock: ShiftedClock, provider: FakeProvider
) -> None:  # OA-04
    metadata = {"authorization_response_iss_parameter_supported": ...}
    provider.metadata = metadata
    async with scene_at(folder, clock, provider) as scene:
        provider.callback = {"iss": ...}
        assert (await scene.sign_in()).status == 200
        provider.callback = {"iss": "https://accounts.evil.test"}
        assert (await scene.sign_in()).status == 401
        assert await scene.refusals() == ["answer_issuer"]


@pytest.fixture
async def other() -> AsyncIterator[FakeProvider]:
    """Another provider, which somebody bad runs."""
    async with fake_provider("other") as fake:
        yield fake


@pytest.fixture
async def two(
    folder: Path, clock: ShiftedClock, provider: FakeProvider, other: FakeProvider
) -> AsyncIterator[Scene]:
    """A server with both."""
    async with scene_at(folder, clock, provider, other) as opened:
        yield opened


async def test_a_state_is_good_at_its_own_provider_alone(two: Scene, other: FakeProvider) -> None:
    # OA-01, OA-04
    browser = two.browser()
    callback = (await browser.returned("fake")).replace("/fake/", "/other/")

    assert await ended(two, browser, callback) == refusal("provider")
    assert other.asked["token"] == 0


async def test_a_code_is_never_given_to_another_provider(two: Scene, other: FakeProvider) -> None:
    # OA-04: whoever runs the other one sends the browser on to the honest one
    browser = two.browser()
    state = parameters((await browser.begin("other")).body["url"])["state"]
    honest = parameters(await browser.returned("fake"))
    back = f"/api/v1/auth/other/callback?code={honest['code']}&state={state}"

    assert await ended(two, browser, f"{back}&iss={honest['iss']}") == refusal("answer_issuer")
    state = parameters((await browser.begin("other")).body["url"])["state"]
    back = f"/api/v1/auth/other/callback?code={honest['code']}&state={state}"
    assert await ended(two, browser, back) == refusal("answer_issuer_missing")
    assert other.asked["token"] == 0


async def test_a_code_of_another_provider_is_worth_nothing(two: Scene) -> None:  # OA-04
    browser = two.browser()
    theirs = parameters(await browser.returned("other"))
    state = parameters((await browser.begin("fake")).body["url"])["state"]
    issuer = two.provider.issuer
    back = f"/api/v1/auth/fake/callback?code={theirs['code']}&state={state}&iss={issuer}"

    assert await ended(two, browser, back) == refusal("code_refused")


async def test_the_same_subject_elsewhere_is_somebody_else(two: Scene, other: FakeProvider) -> None:
    # OA-05
    other.person = {"preferred_username": "ada"}
    other.metadata = {"userinfo_endpoint": ...}
    first = (await two.sign_in()).body["user"]
    second = (await two.browser().sign_in("other")).body["user"]

    assert first["id"] != second["id"]
    assert second["username"].startswith("ada-")


@pytest.mark.parametrize(
    ("change", "reason"), [("gone", "provider"), ("another", "issuer_changed")]
)
async def test_a_sign_in_ends_with_its_provider(
    folder: Path, provider: FakeProvider, other: FakeProvider, change: str, reason: str
) -> None:  # OA-09
    async with scene_at(folder, ShiftedClock(), provider, other) as scene:
        browser = scene.browser()
        callback = await browser.returned("fake")
    left = FakeProvider("other" if change == "gone" else "fake")
    left.port = other.port
    async with scene_at(folder, ShiftedClock(), left) as scene:
        again = scene.browser()
        again.cookie = browser.cookie

        assert await ended(scene, again, callback) == refusal(reason)


async def test_who_is_disabled_meanwhile_does_not_get_in(scene: Scene) -> None:  # OA-09
    user = (await scene.sign_in()).body["user"]
    browser, returning = scene.browser(), scene.browser()
    callback = await browser.returned("fake")
    landed = await returning.sign_in("fake", return_to=RETURN_TO)
    assert (await scene.admin.post(f"/users/{user['id']}/disable")).status == 200

    assert await ended(scene, browser, callback) == refusal("inactive")
    code = parameters(landed.headers["Location"])["code"]
    answer = await returning.ask("POST", "/api/v1/auth/exchange", json={"code": code})
    assert answer.error == "invalid_grant"


class Earlier(msgspec.Struct, array_like=True):
    """What a flow of another release has to remember."""

    provider: str
    issuer: str


async def test_a_sign_in_that_another_release_began_is_none_and_stops_no_other(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:  # OA-11
    begun = []
    with monkeypatch.context() as patch:
        patch.setattr(
            "agentbox_oidc.provider.FlowState", lambda id_, issuer, *_: Earlier(id_, issuer)
        )
        for _ in range(5):
            browser = scene.browser()
            begun.append((browser, await browser.returned("fake")))
    for browser, callback in begun:
        assert await ended(scene, browser, callback) == refusal("unknown_flow")

    assert (await scene.sign_in()).status == 200
