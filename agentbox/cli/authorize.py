"""`agentbox authorize`: may this key do that, and if not, why."""

from __future__ import annotations

import click

from agentbox.cli.env import PERMISSION
from agentbox.cli.invocation import Invocation
from agentbox.core.environments.questions import Question
from agentbox.core.runtime import Runtime
from agentbox.errors import FieldFault, ValidationFailed
from agentbox.model.access.permissions import Reason
from agentbox.model.access.roles import Permission


@click.command()
@click.argument("key_id")
@click.option("--scope", help="A scope that the key should have.")
@click.option("--environment", "environment_id", help="The id of an environment.")
@click.option(
    "--permission",
    type=PERMISSION,
    default=Permission.VIEWER.value,
    show_default=True,
    help="What it should be able to do there.",
)
@click.pass_context
def authorize(
    ctx: click.Context,
    key_id: str,
    scope: str | None,
    environment_id: str | None,
    permission: str,
) -> None:
    """Say whether an API key may do something, and why not.

    The key is named by its id, and the answer is that of POST /authorize. Exits with 0 if it may
    and with 1 if not.
    """
    if scope is None and environment_id is None:
        raise click.UsageError("Give --scope, or --environment, or both.")
    question = Question(
        scope=scope, environment_id=environment_id, permission=Permission(permission)
    )

    async def work(runtime: Runtime) -> Reason:
        if scope is not None and scope not in runtime.scopes.rules:
            raise ValidationFailed(errors=[FieldFault("/scope", f"{scope!r} is not a scope")])
        asker = await runtime.questions.as_key(key_id)
        (reason,) = await runtime.questions.answer(asker, [question])
        return reason

    invocation: Invocation = ctx.obj
    reason = invocation.with_runtime(work)
    click.echo(f"{'yes' if reason is Reason.OK else 'no'}: {reason.value}")
    ctx.exit(0 if reason is Reason.OK else 1)
