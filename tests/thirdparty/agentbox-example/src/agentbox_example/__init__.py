"""Tickets: signed, short-lived credentials, made by a partner that shares a secret with us."""

from __future__ import annotations

from collections.abc import Sequence

from agentbox.plugin import AuthenticatorType, Job, Route, Services, hookimpl

AGENTBOX_API = 1


@hookimpl
def agentbox_authenticator_types() -> Sequence[AuthenticatorType]:
    from agentbox_example.tickets import TICKET_TYPE

    return [TICKET_TYPE]


@hookimpl
def agentbox_routes(services: Services) -> Sequence[Route]:
    from agentbox_example.hello import door_route, hello_route

    return [hello_route(services), door_route(services)]


@hookimpl
def agentbox_jobs() -> Sequence[Job]:
    from agentbox_example.opening_day import NoteOpeningDay

    return [NoteOpeningDay()]
