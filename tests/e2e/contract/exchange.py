"""Requests by one caller, one after the other, and what came back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import NamedTuple

import requests
from schemathesis import Case, Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from yarl import URL

from tests.e2e.contract.filling import LASTING, Filled
from tests.live import Caller, Live, live_server

OF_EVERY_ANSWER = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


class Exchange(NamedTuple):
    """A request and its answer."""

    case: Case
    answer: Response

    def fault(self) -> str | None:
        """Where the answer is another than the document says, and how to ask again."""
        try:
            _unmarked(self.case).validate_response(self.answer, checks=OF_EVERY_ANSWER)
            self.case.validate_response(self.answer, checks=[negative_data_rejection])
        except FailureGroup as faults:
            return str(faults)
        return None


async def exchanges(
    cases: Iterable[Case], credential: str, filled: Filled, folder: Path
) -> AsyncIterator[Exchange]:
    """Every request, answered by a server on a copy of the database.

    A request may end its own credential, as logging out does, and all after it would be 401. So
    the next one goes to a server on another copy.
    """
    waiting = iter(cases)
    number, ended = 0, True
    while ended:
        number, ended = number + 1, False
        filled.copy_to(folder / str(number))
        async with live_server(folder / str(number), environ=LASTING) as live:
            caller = live.calling_with(filled.headers[credential])
            assert await _works(caller)
            for case in waiting:
                answer = await sent(case, caller, live)
                yield Exchange(case, answer)
                changed = case.method != "GET" and answer.status_code < 300
                if changed and not await _works(caller):
                    ended = True
                    break


async def sent(case: Case, caller: Caller, live: Live) -> Response:
    """The answer to one request."""
    options = case.as_transport_kwargs(base_url=live.url.rstrip("/"))
    request = requests.Request(**options).prepare()
    answer = await caller.raw(
        request.method or "",
        URL(request.url or "", encoded=True),  # as generated, not tidied up
        data=request.body,
        headers=dict(request.headers),
        allow_redirects=False,  # one may lead out of this machine
    )
    headers = {name: [value] for name, value in answer.headers.items()}
    return Response(answer.status, headers, answer.text.encode(), request, 0.0, verify=False)


def _unmarked(case: Case) -> Case:
    """Without the mark of what it is for: checks look away where that is a wrong media type."""
    return case.operation.Case(
        path_parameters=case.path_parameters,
        headers=case.headers,
        query=case.query,
        body=case.body,
        media_type=case.media_type,
    )


async def _works(caller: Caller) -> bool:
    """Whether the caller's credential, if there is one, is still good."""
    return not caller.headers or (await caller.get("/auth/me")).status == 200
