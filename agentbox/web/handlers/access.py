"""May this credential do that; and the scopes that there are."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from agentbox.core.environments.questions import Question
from agentbox.core.runtime import Runtime
from agentbox.errors import FieldFault, ValidationFailed
from agentbox.model.access.permissions import Reason
from agentbox.plugin.routes import RouteRequest
from agentbox.web.handlers.shapes.access import (
    AuthorizeBody,
    AuthorizeOut,
    DecisionOut,
    QuestionBody,
    ScopeListOut,
    ScopeOut,
)


class AccessHandlers:
    """POST /authorize and GET /scopes."""

    def __init__(self, runtime: Runtime) -> None:
        self._questions = runtime.questions
        self._scopes = runtime.scopes

    async def authorize(self, request: RouteRequest[AuthorizeBody, None]) -> AuthorizeOut:
        """Whether the credential that asks may do what it asks about."""
        body = request.body
        checks = [body] if body.checks is UNSET else body.checks
        many = body.checks is not UNSET
        faults = [*(_faults_of_both(body) if many else ())]
        for number, check in enumerate(checks):
            faults += self._faults(check, f"/checks/{number}" if many else "")
        if faults:
            raise ValidationFailed(errors=faults)
        reasons = await self._questions.answer(request.principal, [*map(_question, checks)])
        results = [DecisionOut(allowed=reason is Reason.OK, reason=reason) for reason in reasons]
        if many:
            return AuthorizeOut(results=results)
        return AuthorizeOut(allowed=results[0].allowed, reason=results[0].reason)

    async def scopes(self, request: RouteRequest[None, None]) -> ScopeListOut:
        """Every scope, so that a dashboard can draw the dialog of a new key."""
        return ScopeListOut(
            scopes=[
                ScopeOut(
                    name=rule.name,
                    description=rule.description,
                    min_role=rule.min_role,
                    default=rule.default,
                )
                for rule in self._scopes.rules.values()
            ]
        )

    def _faults(self, check: QuestionBody, at: str) -> Iterator[FieldFault]:
        if check.scope is UNSET and check.environment_id is UNSET:
            yield FieldFault(f"{at}/scope", "must be given, or environment_id and permission")
        if check.scope is not UNSET and check.scope not in self._scopes.rules:
            yield FieldFault(f"{at}/scope", "is not a scope")
        if (check.environment_id is UNSET) != (check.permission is UNSET):
            missing = "environment_id" if check.environment_id is UNSET else "permission"
            yield FieldFault(f"{at}/{missing}", "must be given with the other")


def _faults_of_both(body: AuthorizeBody) -> Iterator[FieldFault]:
    for name in ("scope", "environment_id", "permission"):
        if getattr(body, name) is not UNSET:
            yield FieldFault(f"/{name}", "can't be given with checks")


def _question(check: QuestionBody) -> Question:
    if check.permission is UNSET or check.environment_id is UNSET:
        return Question(scope=check.scope or None)
    return Question(
        scope=check.scope or None,
        environment_id=check.environment_id,
        permission=check.permission,
    )
