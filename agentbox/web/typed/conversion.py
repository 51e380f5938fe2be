"""From parsed values to Structs, with every fault found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import FieldInfo

from agentbox.errors import FieldFault, ValidationFailed
from agentbox.model.secret import Secret

StructT = TypeVar("StructT", bound=Struct)

LONGEST_DETAIL: Final = 200
MOST_FAULTS: Final = 50
_PLACE = re.compile(r"^(.*?)(?: - at `(?:key in )?\$?(.*)`)?$", re.DOTALL)
# The one message that quotes what was sent, which may be a secret in the wrong place.
_QUOTING = re.compile(r"^Invalid enum value (?:'.*'|\".*\"|\S+)", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


def to_struct(value: object, kind: type[StructT], *, strict: bool = True) -> StructT:
    """`value` as a `kind`; with `strict=False` texts are read as numbers and booleans.

    Raises `ValidationFailed` with a fault for each member that is wrong, missing or unknown;
    `pointer` is a JSON Pointer (RFC 6901) into the value.
    """
    try:
        converted = msgspec.convert(value, kind, strict=strict, dec_hook=_decode_own)
    except msgspec.ValidationError as first:
        faults = _faults(value, kind, strict) or [_fault("", first)]
        # `from None`: the library's text stays out of tracebacks.
        raise ValidationFailed(errors=faults[:MOST_FAULTS]) from None
    if strict and (unknown := _unknown(value, kind)):
        raise ValidationFailed(errors=unknown[:MOST_FAULTS])
    return converted


def escape_pointer(name: str) -> str:
    """One step of a JSON Pointer."""
    return "/" + name[:64].replace("~", "~0").replace("/", "~1")


def _decode_own(kind: type, value: Any) -> Any:
    if kind is Secret:
        if isinstance(value, str):
            return Secret(value)
        raise ValueError("Expected a text")
    raise NotImplementedError(f"no way to read a {kind!r} from a request")


def _faults(value: object, kind: type[Struct], strict: bool) -> list[FieldFault]:
    if not isinstance(value, Mapping):
        return []
    faults = [_fault_of(value, field, strict) for field in msgspec.structs.fields(kind)]
    return [fault for fault in faults if fault is not None] + _unknown(value, kind)


def _unknown(value: object, kind: type[Struct]) -> list[FieldFault]:
    if not isinstance(value, Mapping):
        return []
    return [
        FieldFault(escape_pointer(name), "This field is not known.")
        for name in value
        if name not in kind.__struct_encode_fields__
    ]


def _fault_of(value: Mapping[str, Any], field: FieldInfo, strict: bool) -> FieldFault | None:
    pointer = escape_pointer(field.encode_name)
    if field.encode_name not in value:
        return FieldFault(pointer, "This field is needed.") if field.required else None
    try:
        msgspec.convert(value[field.encode_name], field.type, strict=strict, dec_hook=_decode_own)
    except msgspec.ValidationError as raised:
        return _fault(pointer, raised)
    return None


def _fault(pointer: str, raised: msgspec.ValidationError) -> FieldFault:
    message = _QUOTING.sub("This is none of the values that are allowed", str(raised))
    match = _PLACE.match(message)
    text, place = (match[1], match[2] or "") if match else (message, "")
    steps = "".join(
        escape_pointer(name or ("" if index == "..." else index))
        for name, index in _STEP.findall(place)
    )
    sentence = text.replace("`", "")[:LONGEST_DETAIL].rstrip(".") + "."
    return FieldFault(pointer + steps, sentence)
