"""Settings that deployments know and this version has no use for yet: refused, never ignored."""

from __future__ import annotations

from collections.abc import Mapping

_PARTS: Mapping[str, str] = {
    "metrics": "metrics",
}

_VARIABLES: Mapping[str, str] = {}

_BEGINNINGS: Mapping[str, str] = {
    "AGENTBOX_METRICS_": "metrics",
}


def later_setting(dotted: str) -> str | None:
    """Why the dotted setting is refused, if it belongs to a part that is still to come."""
    part = _PARTS.get(dotted)
    return _sentence(part) if part else None


def later_variable(name: str) -> str | None:
    """Why the variable is refused, if it belongs to a part that is still to come."""
    part = _VARIABLES.get(name.removesuffix("_FILE"))
    if part is None:
        part = next((p for start, p in _BEGINNINGS.items() if name.startswith(start)), None)
    return _sentence(part) if part else None


def _sentence(part: str) -> str:
    return f"this version does not have {part} yet; remove the setting"
