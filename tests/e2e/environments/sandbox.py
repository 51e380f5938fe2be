"""Environments for tests, registered and shared over HTTP."""

from __future__ import annotations

from typing import Any

from tests.e2e.people import Person


async def register(owner: Person, name: str = "box", **fields: Any) -> dict[str, Any]:
    """A new environment of `owner`; its record."""
    answer = await owner.caller.post("/environments", {"name": name, **fields})
    assert answer.status == 201, answer.text
    return dict(answer.body)


async def share(owner: Person, environment: dict[str, Any], to: Person, permission: str) -> None:
    """Give `to` a permission on it."""
    path = f"/environments/{environment['id']}/permissions"
    answer = await owner.caller.post(path, {"user_id": to.id, "permission": permission})
    assert answer.status == 201, answer.text


async def shared(owner: Person, to: Person, permission: str, **fields: Any) -> dict[str, Any]:
    """A new environment of `owner` on which `to` has a permission."""
    environment = await register(owner, **fields)
    await share(owner, environment, to, permission)
    return environment


def path_of(environment: dict[str, Any]) -> str:
    """Where its record is."""
    return f"/environments/{environment['id']}"
