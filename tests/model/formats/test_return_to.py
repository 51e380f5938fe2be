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
    # Encoded as browsers and quote() do it: any printable text in a path, any text in a query.
    "/search?q=hello%20world": f"{OWN}/search?q=hello%20world",
    "/search?q=caf%C3%A9": f"{OWN}/search?q=caf%C3%A9",
    "/?a=%23tag": f"{OWN}/?a=%23tag",
    "/?a=100%25&b=%5Bx%5D": f"{OWN}/?a=100%25&b=%5Bx%5D",
    "/x?u=https%3A%2F%2Fa%3Fb&w=%5C%2F..%2F": f"{OWN}/x?u=https%3A%2F%2Fa%3Fb&w=%5C%2F..%2F",
    "/?q=%E2%80%AE%EF%BC%8F%EF%BC%9F%FF": f"{OWN}/?q=%E2%80%AE%EF%BC%8F%EF%BC%9F%FF",
    "/a%20b": f"{OWN}/a%20b",
    "/n/%E2%82%AC": f"{OWN}/n/%E2%82%AC",
    "/n/%F0%9F%98%80/%C2%BD/%C2%B7": f"{OWN}/n/%F0%9F%98%80/%C2%BD/%C2%B7",
    "/%E6%97%A5%E6%9C%AC/caf%65%CC%81": f"{OWN}/%E6%97%A5%E6%9C%AC/caf%65%CC%81",
    "/100%25/a%2Fb/%C3%A9.html": f"{OWN}/100%25/a%2Fb/%C3%A9.html",
    "/who%3F/%22x%22%26%3D%3B": f"{OWN}/who%3F/%22x%22%26%3D%3B",
    APP: APP,
}

# Characters that are taken for a slash, a backslash, a dot or a per cent sign somewhere, and what
# can't be seen or stands for bytes that were no text.
LOOK_ALIKES = (
    *"\u2044\u2215\u2571\u29f8\uff0f",
    *"\u00a5\u20a9\u2216\u2572\u29f5\u29f9\ufe68\uff3c",
    *"\u2024\u2025\u2026\u3002\ufe12\ufe19\ufe52\uff0e\uff61\u2488",
    *"\u0337\u0338\u20e5\u2100\u2105\ufe6a\uff05\uff1f\uff03\uff1b\ufe54\ufe56\ufe5f",
    *"\u0085\u009f\u00a0\u00ad\u200b\u200d\u2028\u202e\u2060\u3000\ue000\ufeff\ufffd",
)

# By encoded characters: what somebody in between makes of it, or a browser.
ENCODED = (
    "/%2fevil.example",
    "/%5c%5cevil.example",
    "/a/%2fevil.example",
    "/a%5cb",
    "/a%255cb",
    "/%2e%2e/b",
    "/.%2e/b",
    "/a/%2e",
    "/a/%2E%2E%2Fb",
    "/a%3f/%2e%2e/%2e%2e/api/v1/x",
    "/a%3f%2e%2e",
    "/a%3f/..",
    "/a%253f/%252e%252e/b",
    "/a/%2e%2e%3bx=1/b",
    "/a/%2e%2e%20/b",
    "/a/%20%2e%2e/b",
    "/a/%2e%2e%c2%a0/b",
    "/a/%20/b",
    "/a%20/b",
    "/%20",
    "/%00",
    "/a%09b",
    "/a%0d%0ab",
    "/a%7fb",
    "/a%2500b",
    "/a%2509b",
    "/a%23b",
    "/a%2523b",
    "/api%20/v1",
    "/%61pi/v1/auth",
    "/api%2fv1",
    "/api%3fx",
    "/api%3bx",
    "/docs%23x",
    "/%EF%BD%81pi/v1/auth",  # a wide "a"
    "/%c0%ae%c0%ae/b",
    "/%c0%afevil.example",
    "/%e0%80%af",
    "/%ff",
    "/%ed%a0%80",
    "/%2525c0%25ae",
    "/a/\u2215evil.example",
    "/caf\u00e9",
    "/?q=caf\u00e9",
    "/?q=a b",
    "/?q=a\\b",
    "/?q=a#b",
    "/?q=a%0d%0aSet-Cookie:x",
    "/?q=%250a",
    "/?q=%00",
    "/?q=%7f",
    "/?q=%c2%85",
    "/?%EF%BC%A3ode=x",  # a wide "C"
    "/?a=b%EF%BC%86code=x",
    "/?a=%23code=x",
    *(f"/a/{quote(letter)}b" for letter in LOOK_ALIKES),
    *(f"/a/{quote(letter * 2)}/b" for letter in LOOK_ALIKES),
    *(f"/a{quote(quote(letter))}" for letter in LOOK_ALIKES),
)

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


@pytest.mark.parametrize("text", ENCODED)
def test_what_another_reading_makes_something_else_of_is_refused(text: str) -> None:
    # OA-10
    assert resolved(text) is None


@pytest.mark.parametrize("letter", LOOK_ALIKES)
def test_a_letter_that_is_taken_for_another_may_stand_in_a_query(letter: str) -> None:
    page = f"/?q={quote(letter)}"
    assert resolved(page) == (None if letter in "\x85\x9f" else OWN + page)


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
