"""Query strings."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from msgspec import Struct

from agentbox.errors import FieldFault, InvalidRequest, ValidationFailed
from agentbox.web.typed.conversion import escape_pointer, to_struct

MOST_PARAMETERS: Final = 100


def parameters_of(raw: str) -> dict[str, str]:
    """The parameters of a query string, decoded.

    Raises `InvalidRequest` if one is repeated, there are over 100, or it is not percent-encoded
    UTF-8.
    """
    if not raw.isascii():
        raise InvalidRequest("The query string holds characters that are not percent-encoded.")
    try:
        pairs = parse_qsl(
            raw, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
        )
    except ValueError:
        raise InvalidRequest("The query string is not valid.") from None
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise InvalidRequest("A query parameter is repeated.")
    return parameters


def parse_query(raw: str, kind: type[Struct] | None) -> Struct | None:
    """The query string as a `kind`; parameters that it does not have are ignored.

    Raises `InvalidRequest` as `parameters_of` does, `ValidationFailed` for wrong values;
    `pointer` is `/<parameter>`.
    """
    given = parameters_of(raw) if raw else {}
    if kind is None:
        return None
    known = {name: given[name] for name in kind.__struct_encode_fields__ if name in given}
    faults = [
        FieldFault(escape_pointer(name), "A text can't hold NUL.")
        for name, value in known.items()
        if "\x00" in value
    ]
    if faults:
        raise ValidationFailed(errors=faults)
    query = to_struct(known, kind, strict=False)
    # Read leniently, the text `null` is None: a filter that is not there, although one was sent.
    if nothing := [name for name in known if getattr(query, name) is None]:
        raise ValidationFailed(
            errors=[FieldFault(escape_pointer(n), "Invalid value") for n in nothing]
        )
    return query
