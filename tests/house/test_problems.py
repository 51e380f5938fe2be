"""What clients are told: one class a code, one status a class, no code beyond the closed list."""

from __future__ import annotations

from agentbox.web.errors import STATUS
from tests.house.generated import problems

CODES = {
    400: "invalid_request malformed_body invalid_cursor",
    401: "unauthorized invalid_token invalid_credentials invalid_grant",
    403: "insufficient_scope insufficient_role insufficient_rank insufficient_permission "
    "scope_exceeds_own permission_exceeds_own session_required invalid_password "
    "password_change_required login_incomplete insufficient_user_authentication",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict last_super_admin last_owner self_forbidden",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "validation_failed weak_password scope_conflict permission_exceeds_role",
    429: "rate_limited",
    431: "headers_too_large",
    500: "internal",
    503: "unavailable authenticator_unavailable overloaded",
    507: "storage_full",
}
"""The closed list of codes, by status; some come with parts that are still to be built."""


def test_every_problem_has_a_status_and_nothing_else_has() -> None:
    assert set(STATUS) == set(problems())


def test_no_two_problems_have_one_code() -> None:
    codes = [kind.code for kind in problems()]

    assert len(codes) == len(set(codes))


def test_every_code_and_its_status_is_of_the_closed_list() -> None:
    closed = {(code, status) for status, codes in CODES.items() for code in codes.split()}

    assert {(kind.code, STATUS[kind]) for kind in problems()} - closed == set()


def test_every_problem_says_its_title_as_a_sentence_without_a_stop() -> None:
    assert [k.code for k in problems() if k.title != k.title.strip(". ") or not k.title] == []
