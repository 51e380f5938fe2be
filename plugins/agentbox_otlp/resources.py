"""Who measured: one of all processes for everybody, or this process for itself."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from agentbox_otlp.messages import AnyValue, KeyValue, Resource

DISTRIBUTION: Final = "agentbox-server"


@dataclass(frozen=True, slots=True)
class Resources:
    """`shared` is the same whichever process sends, so that its series go on when another one
    collects; `own` has the process's `service.instance.id`, so that no two write one series."""

    shared: Resource
    own: Resource

    @classmethod
    def of(cls, attributes: Mapping[str, str]) -> Resources:
        """With what the operator says beside, or instead of ours."""
        shared = {"service.name": "agentbox", "service.version": version(DISTRIBUTION)}
        own = {"host.name": socket.gethostname(), "service.instance.id": str(uuid.uuid4())}
        return cls(_resource({**shared, **attributes}), _resource({**shared, **own, **attributes}))


def _resource(attributes: Mapping[str, str]) -> Resource:
    return Resource(tuple(KeyValue(name, AnyValue(text)) for name, text in attributes.items()))
