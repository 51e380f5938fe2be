"""What a provider says of a person, and what of it counts: addresses, domains, names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.live import ShiftedClock
from tests.openid.browser import parameters
from tests.openid.fake_provider import FakeProvider
from tests.openid.refusing import refused, setting
from tests.openid.scene import Scene, scene_at

NOT_VERIFIED: dict[str, Any] = {
    "false": False,
    "none": ...,
    "a text": "true",
    "one": 1,
    "null": None,
    "a list": [True],
}


async def bystander(scene: Scene, role: str = "user") -> dict[str, Any]:
    """A user of ours with the address that the provider names."""
    body = {"username": "bystander", "email": "ada@corp.test", "role": role}
    answer = await scene.admin.post("/users", body)
    assert answer.status == 201, answer.text
    return dict(answer.body)


@pytest.mark.parametrize("said", NOT_VERIFIED)
async def test_an_address_that_is_not_verified_is_not_used(
    folder: Path, clock: ShiftedClock, provider: FakeProvider, said: str
) -> None:  # OA-06
    async with scene_at(folder, clock, provider, link_verified_email=True) as scene:
        theirs = await bystander(scene)
        provider.claims = {"email_verified": NOT_VERIFIED[said]}
        answer = await scene.sign_in()

        assert answer.status == 200, answer.text
        assert answer.body["user"]["id"] != theirs["id"]
        assert "email" not in answer.body["user"]


async def test_one_that_is_verified_on_both_sides_links_where_the_policy_says_so(
    folder: Path, clock: ShiftedClock, provider: FakeProvider
) -> None:  # OA-06, OA-07: else the refusals would prove nothing
    async with scene_at(folder, clock, provider, link_verified_email=True) as scene:
        theirs = await bystander(scene)

        assert (await scene.sign_in()).body["user"]["id"] == theirs["id"]


@pytest.mark.parametrize("role", ["admin", "super_admin"])
async def test_an_admin_is_never_linked_by_an_address(
    folder: Path, clock: ShiftedClock, provider: FakeProvider, role: str
) -> None:  # OA-07
    async with scene_at(folder, clock, provider, link_verified_email=True) as scene:
        await bystander(scene, role)

        assert await ended(scene) == "email_taken"


async def ended(scene: Scene) -> str:
    before = await scene.rows()
    outcome = await scene.outcome(await scene.sign_in(), 0)
    assert (outcome.status, outcome.error) == (401, "invalid_grant")
    assert await scene.rows() == before
    return outcome.reason


async def test_nobody_is_linked_or_made_where_the_policy_does_not_say_so(
    folder: Path, clock: ShiftedClock, provider: FakeProvider
) -> None:  # OA-07
    async with scene_at(folder, clock, provider, auto_provision=False) as scene:
        await bystander(scene)

        assert await ended(scene) == "unknown_identity"


async def test_userinfo_says_itself_whether_its_address_is_verified(
    folder: Path, clock: ShiftedClock, provider: FakeProvider
) -> None:  # OA-06
    async with scene_at(folder, clock, provider, link_verified_email=True) as scene:
        theirs = await bystander(scene)
        provider.claims = {"email": ..., "email_verified": True}
        provider.userinfo = {"email_verified": False}
        answer = await scene.sign_in()

        assert answer.body["user"]["id"] != theirs["id"]
        assert "email" not in answer.body["user"]


async def test_an_address_that_moves_to_another_subject_takes_nobody_along(scene: Scene) -> None:
    # OA-05
    first = (await scene.sign_in()).body["user"]
    scene.provider.subject = "subject-of-eve"
    answer = await scene.sign_in()
    assert answer.error == "invalid_grant"
    assert await scene.refusals() == ["email_taken"]

    scene.provider.subject = "subject-of-ada"
    scene.provider.person |= {"email": "eve@corp.test"}
    assert (await scene.sign_in()).body["user"]["id"] == first["id"]


DOMAINS: dict[str, Any] = {
    "none": ...,
    "another": "evil.test",
    "ours at the beginning": "corp.test.evil",
    "ours at the end": "evil-corp.test",
    "another dot": "corpxtest",
    "in capitals": "CORP.TEST",
    "with a dot": "corp.test.",
    "with a space": "corp.test ",
    "a list": ["corp.test"],
    "null": None,
    "a truth": True,
    "empty": "",
}


async def test_a_domain_is_the_one_that_is_signed_letter_by_letter(
    folder: Path, clock: ShiftedClock, provider: FakeProvider
) -> None:  # OA-08
    async with scene_at(folder, clock, provider, allowed_domains=["corp.test"]) as scene:
        provider.straighten = with_domain(provider)  # type: ignore[method-assign]
        provider.straighten()
        twists = {name: setting(claims={"hd": domain}) for name, domain in DOMAINS.items()}
        twists["in userinfo"] = setting(
            claims={"hd": ..., "email": ..., "email_verified": ...}, userinfo={"hd": "corp.test"}
        )

        assert await refused(scene, twists) == dict.fromkeys(twists, "domain")


async def test_the_page_there_is_told_the_domain_and_that_decides_nothing(
    folder: Path, clock: ShiftedClock, provider: FakeProvider
) -> None:  # OA-08
    async with scene_at(folder, clock, provider, allowed_domains=["corp.test"]) as scene:
        begun = await scene.browser().begin("fake")

        assert parameters(begun.body["url"])["hd"] == "corp.test"
        assert await ended(scene) == "domain"


def with_domain(provider: FakeProvider) -> Any:
    """Untwisted, this provider's people are of our domain."""
    straighten = provider.straighten

    def also() -> None:
        straighten()
        provider.person |= {"hd": "corp.test"}

    return also


NAMES: dict[str, tuple[Any, str]] = {
    "an address": ("ada@corp.test", "ada"),
    "spaces": ("  Ada  Lovelace ", "Ada-Lovelace"),
    "beyond ASCII": ("\u0430da", "da"),
    "nothing that is left": ("\u0430\u0431", "fake"),
    "a number": (7, "ada"),
    "a table": ({"x": 1}, "ada"),
    "empty": ("", "ada"),
    "very long": ("a" * 5000, "a" * 48),
    "an admin's": ("admin", r"admin-[0-9a-f]{10}"),
    "an admin's in capitals": ("ADMIN", r"ADMIN-[0-9a-f]{10}"),
    "markup": ("<script>alert(1)</script>", "script-alert-1-script"),
    "a path": ("../../etc/passwd", "etc-passwd"),
}


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_is_one_of_ours_and_nobody_elses(scene: Scene, name: str) -> None:
    scene.provider.claims = {"preferred_username": NAMES[name][0]}

    made = (await scene.sign_in()).body["user"]["username"]
    assert re.fullmatch(NAMES[name][1], made)


@pytest.mark.parametrize(
    "email", ["not an address", "a@b", "", 7, None, ["ada@corp.test"], "a\n@b.test"]
)
async def test_what_is_no_address_is_none(scene: Scene, email: Any) -> None:  # OA-06
    scene.provider.claims = {"email": email, "email_verified": True}
    answer = await scene.sign_in()

    assert answer.status == 200, answer.text
    assert "email" not in answer.body["user"]
