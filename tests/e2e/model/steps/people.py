"""Users, their roles and their sessions."""

from __future__ import annotations

from typing import Any

from tests.e2e.model.oracle import people
from tests.e2e.model.oracle.world import ROLES, Credential
from tests.e2e.model.play import Play
from tests.e2e.model.steps.choice import Choice
from tests.e2e.model.steps.step import Step, credentials_to_spare, room_for_credentials, with_scope
from tests.live import USER_PASSWORD

NAMES = ("anna", "Anna", "bert", "carl", "dora", "emil")
SWITCHES = (("disable", "inactive"), ("enable", "active"))


def create_user(play: Play, choice: Choice) -> None:
    """Seldom with a password, which takes a while to hash."""
    who = choice.caller(with_scope(play.world, "users:write"))
    body: dict[str, Any] = {"username": choice.of(NAMES)}
    if choice.odds(3, 4):
        body["role"] = choice.of(ROLES)
    if not choice.odds(3, 4):
        body["status"] = choice.of(("active", "inactive"))
    if not choice.odds(5, 6):
        body["password"] = USER_PASSWORD
    play.step(
        who, "POST", "/users", body,
        lambda made: people.create(play.world, who, body, made), success=201,
    )  # fmt: skip


def change_role(play: Play, choice: Choice) -> None:
    """Up or down."""
    _edit(play, choice, {"role": choice.of(ROLES)})


def change_status(play: Play, choice: Choice) -> None:
    """Disabled, or enabled again."""
    _edit(play, choice, {"status": choice.of(("active", "inactive", "suspended"))})


def edit_user(play: Play, choice: Choice) -> None:
    """Several members at once, or none."""
    everything = {
        "username": choice.of(NAMES),
        "email": choice.of((None, "a@example.com", "b@example.com")),
        "role": choice.of(ROLES),
        "status": choice.of(("active", "inactive")),
    }
    _edit(play, choice, {name: everything[name] for name in choice.some(list(everything))})


def edit_oneself(play: Play, choice: Choice) -> None:
    """The e-mail alone, or too much."""
    who = choice.caller()
    body = {"email": choice.of((None, "a@example.com", "b@example.com"))}
    if not choice.odds(2, 3):
        body["role"] = choice.of(ROLES)
    _send_edit(play, who, "PATCH", who.user_id, body)


def set_password(play: Play, choice: Choice) -> None:
    """By PUT, which takes it."""
    who = choice.caller(with_scope(play.world, "users:credentials"))
    user_id = choice.user_id()
    _send_edit(play, who, "PUT", user_id, {"password": USER_PASSWORD})


def delete_user(play: Play, choice: Choice) -> None:
    """With all that hangs on it."""
    who = choice.caller(with_scope(play.world, "users:write"))
    user_id = choice.user_id()
    play.step(
        who, "DELETE", f"/users/{user_id}", None,
        lambda _: people.delete(play.world, who, user_id), success=204,
    )  # fmt: skip


def switch(play: Play, choice: Choice) -> None:
    """One, off or on."""
    who = choice.caller(with_scope(play.world, "users:write"))
    user_id = choice.user_id()
    action, status = choice.of(SWITCHES)
    play.step(
        who, "POST", f"/users/{user_id}/{action}", None,
        lambda _: people.switch(play.world, who, user_id, status),
    )  # fmt: skip


def switch_some(play: Play, choice: Choice) -> None:
    """Several at once."""
    who = choice.caller(with_scope(play.world, "users:write"))
    user_ids = list(dict.fromkeys(choice.user_id() for _ in range(3)))
    action, status = choice.of(SWITCHES)
    play.step(
        who, "POST", "/users/bulk", {"ids": user_ids, "action": action},
        lambda _: people.switch_each(play.world, who, user_ids, status),
        of_answer=lambda answer: [each.get("error") for each in answer["results"]],
    )  # fmt: skip


def end_sessions(play: Play, choice: Choice) -> None:
    """Another's, all of them."""
    who = choice.caller(with_scope(play.world, "users:credentials"))
    user_id = choice.user_id()
    play.step(
        who, "DELETE", f"/users/{user_id}/sessions", None,
        lambda _: people.end_sessions_of(play.world, who, user_id), success=204,
    )  # fmt: skip


def end_other_sessions(play: Play, choice: Choice) -> None:
    """One's own."""
    who = choice.caller()
    play.step(
        who, "DELETE", "/auth/sessions", None,
        lambda _: people.end_other_sessions(play.world, who), success=204,
    )  # fmt: skip


def sign_in(play: Play, choice: Choice) -> None:
    """Once more, or again."""
    users = list(play.world.users.values())
    signed_in = {who.user_id for who in play.world.living() if not who.is_key}
    without = [user for user in users if user.id not in signed_in and user.password]
    user = choice.of(without if without and choice.odds(2, 3) else users)
    body = {"username": user.username, "password": user.password or USER_PASSWORD}
    play.step(
        None, "POST", "/auth/login", body,
        lambda answer: people.sign_in(play.world, body, answer),
    )  # fmt: skip


def sign_out(play: Play, choice: Choice) -> None:
    """With a session, or with a key, which can't."""
    who = choice.caller()
    play.step(
        who, "POST", "/auth/logout", None,
        lambda _: people.sign_out(play.world, who), success=204,
    )  # fmt: skip


def _edit(play: Play, choice: Choice, body: dict[str, Any]) -> None:
    who = choice.caller(with_scope(play.world, "users:write"))
    _send_edit(play, who, choice.of(("PATCH", "PUT")), choice.user_id(), body)


def _send_edit(
    play: Play, who: Credential, method: str, user_id: str, body: dict[str, Any]
) -> None:
    play.step(
        who, method, f"/users/{user_id}", body,
        lambda _: people.edit(play.world, who, user_id, body),
    )  # fmt: skip


STEPS = (
    Step(create_user),
    Step(change_role, weight=3),
    Step(change_status),
    Step(edit_user),
    Step(edit_oneself),
    Step(set_password),
    Step(delete_user),
    Step(switch),
    Step(switch_some),
    Step(end_sessions, credentials_to_spare),
    Step(end_other_sessions),
    Step(sign_in, room_for_credentials),
    Step(sign_out, credentials_to_spare),
)
