"""Where the API is."""

from __future__ import annotations

from typing import Final

API: Final = "/api/v1"
