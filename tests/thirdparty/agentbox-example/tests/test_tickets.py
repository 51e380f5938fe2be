"""The authenticator by itself, with services made of plain objects."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from agentbox_example.tickets import ExampleOptions, Tickets, make_ticket

from agentbox.errors import InvalidCredential
from agentbox.model.evidence import Authentication, Credential
from agentbox.model.secret import Secret

SECRET = Secret("a secret that both sides have, and nobody else")
NOW = datetime(2026, 1, 2, tzinfo=UTC)
SERVICES = SimpleNamespace(
    clock=SimpleNamespace(now=lambda: NOW),
    options=ExampleOptions(secret=SECRET),
    instance_id="example",
)
TICKET = make_ticket(SECRET, "user-1", NOW + timedelta(minutes=1))


def judge(ticket: str) -> Authentication:
    return asyncio.run(Tickets(SERVICES).authenticate(Credential("bearer", Secret(ticket))))


def test_a_ticket_says_whose_it_is() -> None:
    assert judge(TICKET).subject.id == "user-1"


@pytest.mark.parametrize(
    "ticket", [TICKET + "0", TICKET.replace("user-1", "user-2"), "exm_", "exm_.."]
)
def test_a_ticket_that_was_not_signed_is_refused(ticket: str) -> None:
    with pytest.raises(InvalidCredential, match="signature"):
        judge(ticket)


def test_a_ticket_runs_out() -> None:
    with pytest.raises(InvalidCredential, match="expired"):
        judge(make_ticket(SECRET, "user-1", NOW))


@pytest.mark.parametrize(("scheme", "text"), [("api_key", TICKET), ("bearer", "ak_live_x")])
def test_other_credentials_are_left_to_others(scheme: str, text: str) -> None:
    assert not Tickets(SERVICES).recognises(Credential(scheme, Secret(text)))


def test_a_short_secret_is_refused() -> None:
    assert ExampleOptions(secret=Secret("short")).check() != []
