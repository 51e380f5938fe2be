"""Fields that many shapes have."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

Limit = Annotated[int, Meta(ge=1, le=1000, description="How many rows at most")]
Offset = Annotated[int, Meta(ge=0, le=2**31, description="How many rows to pass over")]
Cursor = Annotated[
    str, Meta(max_length=512, description="The `next_cursor` of the page before; without offset")
]
Search = Annotated[str, Meta(min_length=1, max_length=128)]
Label = Annotated[str, Meta(min_length=1, max_length=128)]
Description = Annotated[str, Meta(max_length=1024)]
Days = Annotated[int, Meta(ge=1, le=36500, description="Whole days")]
Instant = Annotated[datetime, Meta(tz=True)]
Id = Annotated[str, Meta(min_length=1, max_length=128)]
