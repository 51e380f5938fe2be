"""What an environment is made of, what of it can be changed, and what is not taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from agentbox.errors import FieldFault, ValidationFailed
from agentbox.model.environments import Environment, EnvironmentStatus
from agentbox.model.formats.names import is_label

MOST_LABELS = 64
LONGEST_IMAGE = 512
LARGEST_ORCHESTRATION = 16 * 1024
"""Bytes of JSON that the orchestrator's own members have together."""

ENDED = (EnvironmentStatus.TERMINATED, EnvironmentStatus.FAILED)


class NewEnvironment(Struct, frozen=True, kw_only=True):
    """What one is made of. `user_id` None makes it the actor's own."""

    name: str
    image: str = ""
    resources: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}
    orchestration: Mapping[str, Any] = {}
    status: EnvironmentStatus = EnvironmentStatus.PENDING
    user_id: str | None = None


class EnvironmentEdit(Struct, frozen=True, kw_only=True):
    """What is to change. Labels and resources are replaced as a whole; of `orchestration` the
    members given, None taking one out."""

    name: str | UnsetType = UNSET
    image: str | UnsetType = UNSET
    resources: Mapping[str, str] | UnsetType = UNSET
    labels: Mapping[str, str] | UnsetType = UNSET
    status: EnvironmentStatus | UnsetType = UNSET
    orchestration: Mapping[str, Any] = {}

    @property
    def of_owners(self) -> bool:
        """Whether it touches what only owners change."""
        fields = (self.name, self.image, self.resources)
        return bool(self.orchestration) or any(each is not UNSET for each in fields)


def check_new(new: NewEnvironment) -> None:
    """Raises `ValidationFailed` with every fault."""
    _refuse([*_name(new.name), *_image(new.image), *_labels(new.labels)])
    _check_orchestration(new.orchestration)


def check_edit(edit: EnvironmentEdit) -> None:
    """Raises `ValidationFailed` with every fault that shows without the record."""
    faults: list[FieldFault] = []
    if edit.name is not UNSET:
        faults += _name(edit.name)
    if edit.image is not UNSET:
        faults += _image(edit.image)
    if edit.labels is not UNSET:
        faults += _labels(edit.labels)
    _refuse(faults)


def edited(before: Environment, edit: EnvironmentEdit, now: datetime) -> Environment:
    """The record after the edit. Raises `ValidationFailed` if its members grow too large."""
    given = {
        name: value
        for name in ("name", "image", "resources", "labels", "status")
        if (value := getattr(edit, name)) is not UNSET
    }
    members = {**before.orchestration, **edit.orchestration}
    members = {name: value for name, value in members.items() if value is not None}
    _check_orchestration(members)
    after = msgspec.structs.replace(before, **given, orchestration=members)
    return after if after.status is before.status else in_status(after, now)


def in_status(environment: Environment, now: datetime) -> Environment:
    """The record of an environment that has come into its status now, with the times of it."""
    status = environment.status
    started, ended = environment.started_at, None
    if status is EnvironmentStatus.PENDING:
        started = None
    elif status is EnvironmentStatus.RUNNING:
        started = now
    elif status in ENDED:
        ended = now
        # By a clock that is ahead of ours it may have started later than that.
        started = None if started is None else min(started, ended)
    return msgspec.structs.replace(environment, started_at=started, terminated_at=ended)


def in_status_since(
    before: Environment, status: EnvironmentStatus, now: datetime, started_at: datetime | None
) -> Environment:
    """The record with that status, come into now if it is another one, and with the start that is
    said, if one is; where it has ended, that is no later than its end."""
    after = before
    if status is not before.status:
        after = in_status(msgspec.structs.replace(before, status=status), now)
    if started_at is None:
        return after
    if after.terminated_at is not None:
        started_at = min(started_at, after.terminated_at)
    return msgspec.structs.replace(after, started_at=started_at.astimezone(UTC))


def change_of(before: Environment, after: Environment) -> dict[str, str | int | bool | None]:
    """The audit says what a status became, and of the rest only that it changed."""
    names = ("name", "image", "resources", "labels", "orchestration")
    fields: dict[str, str | int | bool | None] = {
        name: "changed" for name in names if getattr(before, name) != getattr(after, name)
    }
    if before.status is not after.status:
        fields |= {"status": after.status.value, "status_before": before.status.value}
    elif before.started_at != after.started_at:
        fields["started_at"] = "changed"
    return fields


def _refuse(faults: Sequence[FieldFault]) -> None:
    if faults:
        raise ValidationFailed(errors=faults)


def _name(name: str) -> Iterator[FieldFault]:
    if not is_label(name):
        yield FieldFault("/name", "must be 1 to 128 characters, none of them a control")


def _image(image: str) -> Iterator[FieldFault]:
    if image and not is_label(image, longest=LONGEST_IMAGE):
        yield FieldFault(
            "/image", f"must be at most {LONGEST_IMAGE} characters, none of them a control"
        )


def _labels(labels: Mapping[str, str]) -> Iterator[FieldFault]:
    if len(labels) > MOST_LABELS:
        yield FieldFault("/labels", f"must be at most {MOST_LABELS}")
    elif not all(map(is_label, labels)) or not all(map(is_label, labels.values())):
        yield FieldFault(
            "/labels", "must have names and values of 1 to 128 characters, none of them a control"
        )
    elif any(":" in name for name in labels):
        yield FieldFault("/labels", "must have names without a colon, which ends a name in filters")


def _check_orchestration(members: Mapping[str, Any]) -> None:
    if len(msgspec.json.encode(members)) > LARGEST_ORCHESTRATION:
        names = ", ".join(sorted(members))
        fault = f"{names} must have at most {LARGEST_ORCHESTRATION} bytes of JSON together"
        raise ValidationFailed(errors=[FieldFault("", fault)])
