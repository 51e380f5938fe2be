"""The hooks. All are synchronous: they register objects at the start, or are told afterwards.

A plugin is a module named by an entry point in the group `agentbox`. It says which version of
this contract it was written for, and implements the hooks it needs:

```python
from agentbox.plugin import API_VERSION, hookimpl

AGENTBOX_API = 1


@hookimpl
def agentbox_authenticator_types():
    from .things import THING_TYPE

    return [THING_TYPE]
```

A module whose plugin has options and no types states their class as `AGENTBOX_OPTIONS`.

Nothing on the request path is a hook: the server awaits the methods of the objects that these
hooks return.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import pluggy

if TYPE_CHECKING:
    import click

    from agentbox.plugin.authenticator import AuthenticatorType
    from agentbox.plugin.event import Event
    from agentbox.plugin.job import Job
    from agentbox.plugin.metrics import MetricSinkType, MetricSourceType
    from agentbox.plugin.migrations import MigrationFolder
    from agentbox.plugin.policy import PolicyType
    from agentbox.plugin.routes import Route
    from agentbox.plugin.services import Services
    from agentbox.plugin.storage import StorageType

API_VERSION: Final = 1
"""The version of this contract. A plugin states the one it was written for as `AGENTBOX_API`."""

hookspec = pluggy.HookspecMarker("agentbox")
hookimpl = pluggy.HookimplMarker("agentbox")


@hookspec
def agentbox_authenticator_types() -> Sequence[AuthenticatorType]:  # type: ignore[empty-body]
    """Offer kinds of authenticators.

    When: once, after the enabled plugins are loaded, also for `agentbox check`.
    With what: nothing; open no file and no connection here.
    Return: a list of descriptors, each with a name that no other plugin uses; the configuration
    says which of them become instances, and in what order. All types of a plugin, also those of
    the next four hooks, state the same class of options, and so does its module if it states one.
    If you get it wrong: the start stops and names distribution, plugin, hook and value.
    Order: of no consequence; configuration order is chain order.
    Since: 1.
    """


@hookspec
def agentbox_storage_types() -> Sequence[StorageType]:  # type: ignore[empty-body]
    """Offer kinds of storage. Exactly one storage is enabled in a server.

    When: once, after the enabled plugins are loaded, also for `agentbox check`.
    With what: nothing; open no file and no connection here.
    Return: a list of descriptors.
    If you get it wrong: the start stops and names distribution, plugin, hook and value.
    Order: of no consequence.
    Since: 1.
    """


@hookspec
def agentbox_policy_types() -> Sequence[PolicyType]:  # type: ignore[empty-body]
    """Offer login policies, password policies and sources of token claims.

    When: once, after the enabled plugins are loaded, also for `agentbox check`.
    With what: nothing; open no file and no connection here.
    Return: a list of descriptors; one instance of each is opened.
    If you get it wrong: the start stops and names distribution, plugin, hook and value.
    Order: policies apply in the order in which the configuration enables their plugins.
    Since: 1.
    """


@hookspec
def agentbox_metric_source_types() -> Sequence[MetricSourceType]:  # type: ignore[empty-body]
    """Offer sources of metrics.

    When: once, after the enabled plugins are loaded, also for `agentbox check`.
    With what: nothing; open no file and no connection here.
    Return: a list of descriptors; one instance of each is opened where metrics are collected.
    If you get it wrong: the start stops and names distribution, plugin, hook and value; so does a
    type of metric that another source has as well.
    Order: of no consequence.
    Since: 1.
    """


@hookspec
def agentbox_metric_sink_types() -> Sequence[MetricSinkType]:  # type: ignore[empty-body]
    """Offer sinks of metrics.

    When: once, after the enabled plugins are loaded, also for `agentbox check`.
    With what: nothing; open no file and no connection here.
    Return: a list of descriptors; one instance of each is opened where metrics are collected.
    If you get it wrong: the start stops and names distribution, plugin, hook and value.
    Order: of no consequence; each sink has a queue of its own.
    Since: 1.
    """


@hookspec
def agentbox_migration_folders(backend: str) -> Sequence[MigrationFolder]:  # type: ignore[empty-body]
    """Bring tables of your own.

    When: before the database is migrated, and whenever its schema is looked at.
    With what: the name of the backend, `sqlite` or `postgres` or another storage's.
    Return: a list of your folders of migrations for that backend, each naming your entry point as
    its `plugin`, and in `retention` how long rows of its tables are kept; `[]` if you have none for
    it.
    If you get it wrong: the start stops; a folder that is not there, or empty, is wrong, and so is
    the retention of a table that its migrations don't make.
    Order: folders are applied in configuration order, each in the order of its file names.
    Since: 1.
    """


@hookspec
def agentbox_routes(services: Services) -> Sequence[Route]:  # type: ignore[empty-body]
    """Offer routes, under `/api/v1/x/<entry point>`.

    When: once, the storage open.
    With what: your services.
    Return: a list of rows of the route table; each states its access and its types. Scopes are
    agentbox's own, or `<entry point>:<action>`, which all your routes give the same `min_role`.
    If you get it wrong: the start stops; a method and path that is there already is wrong. A
    handler that raises anything but a `Problem` or `StorageError`, gives another type than it
    stated, or takes over 30 s fails its own request alone: 500, logged and counted.
    Order: of no consequence.
    Since: 1.
    """


@hookspec
def agentbox_jobs(services: Services) -> Sequence[Job]:  # type: ignore[empty-body]
    """Offer jobs.

    When: once, the storage open.
    With what: your services.
    Return: a list of jobs, named `<entry point>-<word>`; each is run on its interval, or at the
    times that its `cron` names, by one process at a time; by every process if it says
    `everywhere`.
    If you get it wrong: the start stops; a name that is there already is wrong, and a schedule that
    can't be kept. A run that raises or takes too long fails alone, logged and counted.
    Order: of no consequence.
    Since: 1.
    """


@hookspec
def agentbox_commands() -> Sequence[click.Command]:  # type: ignore[empty-body]
    """Offer commands, shown as `agentbox x <entry point> <command>`.

    When: the command line starts and the configuration can be read.
    With what: nothing.
    Return: a list of click commands.
    If you get it wrong: that command is missing and says why; all others work.
    Order: of no consequence.
    Since: 1.
    """


@hookspec
def agentbox_event(event: Event) -> None:
    """Be told of a change that has been committed, or of a refusal that has been written down.

    When: after the commit, from a bounded queue, in a thread of its own, never by the request.
    With what: the event: name, time, actor, target, result, details without secrets.
    Return: nothing.
    If you get it wrong: it is logged and counted; nobody else notices.
    Order: of no consequence. Events are lost if the process dies or the queue is full; the audit
    is the record.
    Since: 1.
    """
