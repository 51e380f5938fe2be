"""How many processes may serve from one storage."""

from __future__ import annotations

from agentbox.errors import StartError
from agentbox.plugin.storage import Storage


def require_room(workers: int, storage: Storage) -> None:
    """Raises `StartError` for more workers than the storage takes, saying what to do."""
    if workers > 1 and not storage.many_processes:
        raise StartError(
            f"[server] workers (--workers) is {workers}, but the storage {storage.name} serves one "
            "process: it has one writer, and does not tell other processes at once what has "
            "changed. Leave the setting out, or use Postgres (AGENTBOX_DB_DSN)."
        )
