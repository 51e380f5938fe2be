"""A run of the model beside a server: each step is sent, and its answer compared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Self, TypeVar

from hypothesis.stateful import RuleBasedStateMachine
from uvloop import new_event_loop

from tests.e2e.model.oracle.questions import Question, answer, questions, told
from tests.e2e.model.oracle.world import Credential, Refused, World
from tests.e2e.model.scene import Scene
from tests.live import Caller, Live, live_server

T = TypeVar("T")


class Disagreement(AssertionError):
    """The server and the model say different things."""


class Stage:
    """A loop, and on it a server for each run, on a copy of the scene."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self._scene = scene
        self._folder = folder
        self._runner = asyncio.Runner(loop_factory=new_event_loop)
        self._stack = AsyncExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What comes of it."""
        return self._runner.run(work)

    def open(self) -> tuple[Live, World]:
        """The server of the next run, and what the model knows of it."""
        folder = Path(mkdtemp(dir=self._folder))
        world = self._scene.copy_to(folder)
        server = live_server(folder, clock=self._scene.clock())
        return self.run(self._stack.enter_async_context(server)), world

    def close(self) -> None:
        """Stop the server of this run."""
        self.run(self._stack.aclose())


class Play(RuleBasedStateMachine):
    """One run; the rules come from the classes that are made from this one."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.journal: list[str] = []
        self.agreed = True
        self._stage = stage
        self._live, self.world = stage.open()
        caller = self._stage.run(self._a_super_admin())
        self._changes_before = len(self._stage.run(self._changes(caller)))

    def step(
        self,
        who: Credential | None,
        method: str,
        path: str,
        body: Any,
        model: Callable[[Mapping[str, Any]], Any],
        *,
        success: int = 200,
        of_answer: Callable[[Mapping[str, Any]], Any] | None = None,
    ) -> None:
        """Send it as `who`, and let the model say what had to come of it.

        The model gets the answer for the ids and secrets in it, and gives what the answer must say;
        `of_answer` takes the same from the answer, by default the members that the model gives.
        """
        self.agreed = False
        got = self._stage.run(self._send(who, method, path, body))
        self.journal.append(f"{_name(who)}: {method} {path} {body} -> {got.status} {got.error}")
        expected: Any = None
        outcomes: set[tuple[int, str | None]] = {(success, None)}
        try:
            expected = model(got.body or {})
        except Refused as refused:
            outcomes = set(refused.answers)
        if (got.status, got.error) not in outcomes:
            self._disagree(f"must answer {outcomes}")
        if expected is not None:
            of_answer = of_answer or (lambda sent: {name: sent.get(name) for name in expected})
            if of_answer(got.body) != expected:
                self._disagree(f"answers {of_answer(got.body)} and not {expected}")
        self._stage.run(self._ask_everything())
        self.agreed = True

    def teardown(self) -> None:
        """What holds at the end of every run."""
        try:
            if self.agreed:
                self._stage.run(self._check_end())
        finally:
            self._stage.close()

    async def _send(self, who: Credential | None, method: str, path: str, body: Any) -> Any:
        options = {} if body is None else {"json": body}
        return await self._caller(who).request(method, path, **options)

    def _caller(self, who: Credential | None) -> Caller:
        return self._live.anonymous if who is None else self._live.with_token(who.token)

    async def _ask_everything(self) -> None:
        asked = (self._ask_as(who) for who in self.world.credentials)
        for fault in await asyncio.gather(*asked, return_exceptions=True):
            if fault is not None:
                raise fault

    async def _ask_as(self, who: Credential) -> None:
        for question in questions(self.world, who, len(self.journal)):
            got = await self._send(who, *question)
            if got.status == 503:  # who asks again, as 503 says, must be told
                got = await self._send(who, *question)
            try:
                expected, outcomes = answer(self.world, who, question), {(200, None)}
            except Refused as refused:
                expected, outcomes = None, set(refused.answers)
            if (got.status, got.error) not in outcomes:
                self._misanswered(who, question, (got.status, got.error), outcomes)
            elif expected is not None and told(question, got.body) != expected:
                self._misanswered(who, question, told(question, got.body), expected)
            if not self.world.alive(who):
                return  # 401 to one question is 401 to all

    def _misanswered(self, who: Credential, question: Question, got: Any, expected: Any) -> None:
        if isinstance(got, list) and isinstance(expected, list) and len(got) == len(expected):
            number = next(at for at in range(len(got)) if got[at] != expected[at])
            got, expected = (number, got[number]), (number, expected[number])
        self._disagree(
            f"then {who.name} asks {question}, is told {got} and must be told {expected}"
        )

    def _disagree(self, what: str) -> None:
        raise self._disagreement(what)

    def _disagreement(self, what: str) -> Disagreement:
        text = "\n".join([*self.journal, what])
        for user in self.world.users.values():
            text = text.replace(user.id, user.username)
        return Disagreement(text)

    async def _changes(self, caller: Caller) -> list[str]:
        """The names of all changes in the audit, oldest first."""
        answer = await caller.get("/audit?result=ok&limit=1000")
        return [row["event"] for row in reversed(answer.body["events"])]

    async def _check_end(self) -> None:
        """Whoever may change rights is there, every change is in the audit and nothing else is,
        and every environment is somebody's."""
        caller = await self._a_super_admin()
        changes = (await self._changes(caller))[self._changes_before :]
        if changes != self.world.events:
            self._disagree(f"the audit holds {changes} and not {self.world.events}")
        await self._check_grants(caller)

    async def _check_grants(self, caller: Caller) -> None:
        for environment in self.world.environments.values():
            path = f"/environments/{environment.id}"
            rows = (await caller.get(f"{path}/permissions")).body["permissions"]
            owners = [row["user_id"] for row in reversed(rows) if row["permission"] == "owner"]
            held = {row["user_id"]: row["permission"] for row in rows}
            user_id = (await caller.get(path)).body["user_id"]
            if held != environment.grants or owners != environment.owners or not owners:
                self._disagree(f"on {environment} the server holds {rows}")
            if user_id not in owners:
                self._disagree(f"{environment} is of {user_id}, who is not one of {owners}")

    async def _a_super_admin(self) -> Caller:
        for who in self.world.living():
            if not who.is_key and self.world.users[who.user_id].role == "super_admin":
                return self._caller(who)
        for user in self.world.users.values():
            if user.password and (user.role, user.status) == ("super_admin", "active"):
                caller = await self._live.sign_in(user.username, user.password)
                self.world.events.append("session.begin")
                return caller
        raise self._disagreement("no super_admin is left")


def _name(who: Credential | None) -> str:
    return "anybody" if who is None else who.name
