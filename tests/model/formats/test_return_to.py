"""Where a browser may be sent after a sign-in."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from agentbox.model.formats.return_to import LONGEST, brings_code, resolved_return_to

OWN = "https://auth.example.org"
APP = "https://app.example.org/signed-in"

TAKEN = {
    "/": f"{OWN}/",
    "/console?tab=keys&next=//x": f"{OWN}/console?tab=keys&next=//x",
    "/a/b.html?next=https://app.example.org/": f"{OWN}/a/b.html?next=https://app.example.org/",
    "/a?barcode=1&codec=2&x=code&code_challenge=3": (
        f"{OWN}/a?barcode=1&codec=2&x=code&code_challenge=3"
    ),
    "/code/code": f"{OWN}/code/code",
    "/a;b/..c/apis?x.codes=1": f"{OWN}/a;b/..c/apis?x.codes=1",
    APP: APP,
}

# Whoever reads the query of the page would find somebody else's code before ours.
WITH_A_CODE = (
    "/home?code=x",
    "/home?code",
    "/home?a=b&code=x",
    "/home?a=b;code=x",
    "/home;code=x",
    "/home?CODE=x",
    "/home?%63ode=x",
    "/home?%2563ode=x",
    "/home?+code=x",
    "/home?%20code%20=x",
    "/home?code[]=x",
    "/home?code%5B0%5D=x",
    "/home?[code=x",
    "/home?0[code]=x",
    "/home?code.=x",
    "/home?form.code=x",
    "/home?a=b&amp;code=x",
    "/home?a=b%26code=x",
    "/home%3Fcode=x",
    "/home?next=/there?code=x",
)

# OA-10: each of them is an attempt to leave, or to be read differently by somebody in between.
HOSTILE = (
    "",
    "https://evil.example",
    "https://evil.example/signed-in",
    "http://app.example.org/signed-in",
    "https://app.example.org",
    "https://app.example.org/",
    "https://app.example.org/signed-in/",
    "https://app.example.org/signed-in?x=1",
    "https://app.example.org/signed-in#x",
    "https://app.example.org/SIGNED-IN",
    "HTTPS://app.example.org/signed-in",
    "https://app.example.org:443/signed-in",
    "https://app.example.org./signed-in",
    "https://app.example.org@evil.example/signed-in",
    "https://app.example.org.evil.example/signed-in",
    "https://evil.example/https://app.example.org/signed-in",
    "https://evil.example?https://app.example.org/signed-in",
    "https://auth.example.org.evil.example/",
    "https://auth.example.org@evil.example/",
    "//evil.example",
    "///evil.example",
    "////evil.example/%2e%2e",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/ /evil.example",
    " /console",
    "/console ",
    "/console\r\nSet-Cookie: a=b",
    "/console\x00",
    "/%5cevil.example",
    "/%2f%2fevil.example",
    "/./..//evil.example",
    "/../evil",
    "/.",
    "/console#access_token=x",
    "/konsole\u2025/\uff0fevil.example",
    "console",
    "javascript:alert(1)",
    "javascript://auth.example.org/%0aalert(1)",
    "data:text/html,x",
    "vbscript:x",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "/api/v1/auth/google/login",
    "/API/v1/auth/google/login",
    "/Api;x/v1/auth/google/login",
    "/.Well-Known/jwks.json",
    "/a/..;/b",
    "/a/..;x=1/b",
    "/a/.;/b",
    *WITH_A_CODE,
    "/docs",
    "/.well-known/jwks.json",
    "/" + "a" * LONGEST,
)


def resolved(text: str) -> str | None:
    return resolved_return_to(text, own_origin=OWN, allowed=(APP,))


@pytest.mark.parametrize("text", TAKEN)
def test_pages_of_ours_and_listed_addresses_are_taken(text: str) -> None:
    assert resolved(text) == TAKEN[text]


@pytest.mark.parametrize("text", HOSTILE)
def test_anything_else_is_refused(text: str) -> None:
    assert resolved(text) is None


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.startswith("/")])
def test_it_is_refused_encoded_once_and_twice_too(text: str) -> None:
    once = "/" + quote(text[1:], safe="")

    assert resolved(once) is None
    assert resolved("/" + quote(once[1:], safe="")) is None


@pytest.mark.parametrize("text", [text for text in HOSTILE if text and text[0] != "/"])
def test_an_encoded_address_is_no_path(text: str) -> None:
    once = quote(text, safe="")

    assert resolved(once) is None
    assert resolved(quote(once, safe="")) is None


def test_the_table_is_as_long_as_it_has_to_be() -> None:
    assert len(set(HOSTILE) - set(WITH_A_CODE)) >= 41  # OA-10 wants as many
    assert len(set(HOSTILE)) == len(HOSTILE)


@pytest.mark.parametrize("text", WITH_A_CODE)
def test_a_code_that_is_there_already_is_seen_in_any_address(text: str) -> None:
    # OA-01
    assert brings_code(text)
    assert brings_code(f"https://app.example.org{text}")


@pytest.mark.parametrize("text", TAKEN)
def test_what_only_looks_like_one_is_let_through(text: str) -> None:
    assert not brings_code(text)


def test_an_address_of_the_list_is_taken_letter_by_letter_alone() -> None:
    assert resolved_return_to("/x y", own_origin=OWN, allowed=("/x y",)) == "/x y"
    assert resolved_return_to(APP, own_origin=OWN, allowed=()) is None
