"""A sign-in that ends at a page: the page gets a code, once, and nothing else."""

from __future__ import annotations

import base64
import hashlib

import pytest

from agentbox.errors import (
    InvalidGrant,
    ValidationFailed,
)
from tests.core.identities.at_sites import OWN, PAGE, Site, Sites, judged, query_of, someone
from tests.core.world import HERE, World

VERIFIER = "v" * 43
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)


@pytest.fixture
def site() -> Site:
    return Site(*[judged(someone())] * 3, ids=["example", "other"])


@pytest.fixture
def sites(world: World, site: Site) -> Sites:
    return Sites(world, site)


async def test_a_page_gets_a_code_that_is_exchanged_once(sites: Sites) -> None:
    state, browser = await sites.begin(return_to=PAGE)
    finished = await sites.back(state, browser)
    code = query_of(finished.redirect)["code"]

    assert finished.signed_in is None
    assert finished.redirect == f"{PAGE}?code={code}"
    signed_in = await sites.redirects.exchange(code, None, HERE, browser=browser)
    assert signed_in.token.reveal() == "token"
    with pytest.raises(InvalidGrant):
        await sites.redirects.exchange(code, None, HERE, browser=browser)


async def test_a_path_of_ours_is_a_page_and_keeps_its_query(sites: Sites) -> None:
    finished = await sites.through(return_to="/home?tab=1")

    assert str(finished.redirect).startswith("https://auth.example/home?tab=1&code=")


@pytest.mark.parametrize("page", ["https://evil.example/", "//evil.example", f"{PAGE}/more", ""])
async def test_no_other_page_gets_anything(sites: Sites, page: str) -> None:
    # OA-10
    with pytest.raises(ValidationFailed):
        await sites.begin(return_to=page)


@pytest.mark.parametrize("seconds", [60, 3600])
async def test_a_code_lasts_for_less_than_a_minute(
    world: World, sites: Sites, seconds: int
) -> None:
    state, browser = await sites.begin(return_to=PAGE)
    code = query_of((await sites.back(state, browser)).redirect)["code"]
    world.clock.move(seconds)

    with pytest.raises(InvalidGrant):
        await sites.redirects.exchange(code, None, HERE, browser=browser)


@pytest.mark.parametrize("who", ["nobody", "somebody else"])
async def test_a_code_without_the_cookie_is_refused(sites: Sites, who: str) -> None:
    # OA-01
    state, browser = await sites.begin(return_to=PAGE)
    code = query_of((await sites.back(state, browser)).redirect)["code"]

    with pytest.raises(InvalidGrant):
        await sites.redirects.exchange(
            code, None, HERE, browser="x" * 43 if who == "somebody else" else None
        )
    assert await sites.refused() == [("anonymous", "browser")]
    # Nobody else uses it up.
    assert await sites.redirects.exchange(code, None, HERE, browser=browser)


async def challenged(sites: Sites, page: str = PAGE) -> tuple[str, str]:
    state, browser = await sites.begin(return_to=page, code_challenge=CHALLENGE)
    return query_of((await sites.back(state, browser)).redirect)["code"], browser


OURS = ["/home", "/", "/a?b=c", f"{OWN}/listed"]


@pytest.mark.parametrize("page", OURS)
async def test_whose_challenge_it_is_frees_no_code_of_a_page_of_ours_from_the_cookie(
    sites: Sites, page: str
) -> None:
    # OA-01: a link with somebody else's challenge and any path of ours, where nothing keeps a code
    code, browser = await challenged(sites, page)
    for stranger in (None, "x" * 43):
        with pytest.raises(InvalidGrant):
            await sites.redirects.exchange(code, VERIFIER, HERE, browser=stranger)
    assert await sites.refused() == [("anonymous", "browser")]  # and how often

    assert await sites.redirects.exchange(code, VERIFIER, HERE, browser=browser)


@pytest.mark.parametrize("page", OURS)
async def test_a_page_of_ours_that_gave_a_challenge_shows_its_verifier_too(
    sites: Sites, page: str
) -> None:
    code, browser = await challenged(sites, page)

    with pytest.raises(InvalidGrant):
        await sites.redirects.exchange(code, None, HERE, browser=browser)
    assert await sites.refused() == [("anonymous", "verifier")]


@pytest.mark.parametrize("page", [f"{OWN}.evil.example/x", f"{OWN}:8443/x"])
async def test_another_host_or_port_is_not_ours(world: World, site: Site, page: str) -> None:
    sites = Sites(world, site)
    sites.redirects._return_to = [page]
    code, _ = await challenged(sites, page)

    assert await sites.redirects.exchange(code, VERIFIER, HERE, browser=None)


@pytest.mark.parametrize("page", ["/home?code=theirs", "/?a=b&code=theirs", "/home?%63ode=theirs"])
async def test_no_page_comes_with_a_code_of_somebody_else_s(sites: Sites, page: str) -> None:
    # OA-01, OA-10: it would stand before the one that is put there, and many take the first
    with pytest.raises(ValidationFailed):
        await sites.begin(return_to=page)


async def test_with_a_challenge_the_verifier_counts_and_no_cookie(sites: Sites) -> None:
    code, _ = await challenged(sites)

    assert await sites.redirects.exchange(code, VERIFIER, HERE, browser=None)


@pytest.mark.parametrize("verifier", [None, "", "w" * 43, VERIFIER[:-1], CHALLENGE, "v" * 129])
async def test_without_its_verifier_the_cookie_is_not_enough(
    sites: Sites, verifier: str | None
) -> None:
    code, browser = await challenged(sites)

    with pytest.raises(InvalidGrant):
        await sites.redirects.exchange(code, verifier, HERE, browser=browser)
    assert await sites.refused() == [("anonymous", "verifier")]


@pytest.mark.parametrize("challenge", ["", "x" * 42, "x" * 44, "x" * 42 + "=", "plain text"])
async def test_what_is_no_challenge_is_refused(sites: Sites, challenge: str) -> None:
    with pytest.raises(ValidationFailed):
        await sites.begin(return_to=PAGE, code_challenge=challenge)


async def test_a_challenge_does_not_replace_the_cookie_at_the_callback(sites: Sites) -> None:
    # OA-01
    state, _ = await sites.begin(return_to=PAGE, code_challenge=CHALLENGE)

    with pytest.raises(InvalidGrant):
        await sites.back(state, None)
