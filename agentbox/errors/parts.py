"""What storages, authenticators and login methods raise."""

from __future__ import annotations

from typing import Generic, TypeVar

from agentbox.errors.root import AgentboxError

AuthenticationT = TypeVar("AuthenticationT")


class StorageError(AgentboxError):
    """A storage backend failed. `full` says that it only ran out of room."""

    def __init__(self, detail: str, *, full: bool = False) -> None:
        super().__init__(detail)
        self.full = full


class InvalidCredential(AgentboxError):
    """Raised by `RequestAuthenticator.authenticate`: the credential is mine and does not hold.

    `reason` is one word for the log and the audit (`expired`, `revoked`, `signature` …); the
    client is told 401 `invalid_token` and no more.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ExpiredCredential(InvalidCredential, Generic[AuthenticationT]):
    """The credential ran out and is otherwise valid; logout still accepts its `authentication`.

    That is an `agentbox.model.evidence.Authentication`, which this module can't import: nothing
    lies below it.
    """

    def __init__(self, authentication: AuthenticationT) -> None:
        super().__init__("expired")
        self.authentication = authentication


class LoginFailed(AgentboxError):
    """Raised by a `LoginMethod`: this login is mine and it is wrong (401 `invalid_credentials`).

    `user_id` says in the audit whose login it was to be, where the method knows.
    """

    def __init__(self, reason: str, user_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.user_id = user_id


class OutboundFailed(AgentboxError):
    """Another server could not be asked. `reason` is one word: `timeout`, `size`, `redirect` …

    Clients are told 503 `authenticator_unavailable` where a sign-in depends on it.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason
