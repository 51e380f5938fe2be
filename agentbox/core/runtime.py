"""Opens everything in order, and holds it: the one place where parts are put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from agentbox.config.effective import Row, effective
from agentbox.config.schema import Settings
from agentbox.core.audit.parts import AuditParts, note_start
from agentbox.core.audit.reading import Audit
from agentbox.core.audit.refusals import Refusals
from agentbox.core.background.events import EventQueue
from agentbox.core.background.jobs import Jobs
from agentbox.core.background.parts import Scheduling, make_scheduling
from agentbox.core.clock import READY_SKEW, DatabaseClock
from agentbox.core.counters import Counters
from agentbox.core.environments.environments import Environments
from agentbox.core.environments.permissions import Permissions
from agentbox.core.environments.questions import Questions
from agentbox.core.environments.reports import Reports
from agentbox.core.foundation import (
    make_api_keys,
    make_environments,
    make_foundation,
    make_linking,
    make_login,
    make_passwords,
    make_permissions,
    make_questions,
    make_recognition,
    make_recovery,
    make_redirects,
    make_refreshing,
    make_reports,
    make_sessions,
    make_signing_keys,
    make_users,
)
from agentbox.core.host_services import HostServices
from agentbox.core.identities.linking import Linking
from agentbox.core.identities.redirects import Redirects
from agentbox.core.keys.api_keys import ApiKeys
from agentbox.core.login import Login
from agentbox.core.metrics.pipeline import Pipeline
from agentbox.core.people.passwords import FIRST_START, Passwords
from agentbox.core.people.recovery import Recovery
from agentbox.core.people.refreshing import Refreshing
from agentbox.core.people.sessions import Sessions
from agentbox.core.people.users import Users
from agentbox.core.readings.readings import ServerReadings
from agentbox.core.readings.requests import RequestCounts
from agentbox.core.readings.sharing import SharedReadings
from agentbox.core.recognition.dispatch import Dispatcher
from agentbox.core.recognition.last_used import LastUsed
from agentbox.core.recognition.recognition import Recognition
from agentbox.core.recognition.subjects import Subjects
from agentbox.core.signing import SigningKeys
from agentbox.core.start.first_start import InitialPassword, ensure_first_admin
from agentbox.core.start.opening import Abilities, open_abilities, plugin_scopes
from agentbox.core.start.plugin_routes import isolated, permitted
from agentbox.core.start.root_secret import RootSecret, root_secret, verify_root_secret
from agentbox.core.start.serving import serve
from agentbox.core.startup import Assembly
from agentbox.errors import Problem, SchemaError, StorageError
from agentbox.loader import Plugins
from agentbox.model.access.scopes import ScopeTable
from agentbox.model.formats.api_key import KeyFormat
from agentbox.plugin.http import Outgoing
from agentbox.plugin.options import NoOptions
from agentbox.plugin.routes import Route
from agentbox.plugin.storage import Storage

READY_WITHIN = 1.0
"""Seconds that the database has to answer a readiness probe."""

_log = structlog.get_logger("agentbox.runtime")


@dataclass(slots=True)
class Runtime:
    """An open agentbox: storage migrated, plugins open, use cases ready."""

    settings: Settings
    plugins: Plugins
    storage: Storage
    clock: DatabaseClock
    counters: Counters
    scopes: ScopeTable
    abilities: Abilities
    recognition: Recognition
    dispatcher: Dispatcher
    passwords: Passwords
    login: Login
    refreshing: Refreshing
    redirects: Redirects
    linking: Linking
    users: Users
    recovery: Recovery
    sessions: Sessions
    api_keys: ApiKeys
    environments: Environments
    reports: Reports
    permissions: Permissions
    questions: Questions
    signing_keys: SigningKeys
    last_used: LastUsed
    auditing: AuditParts
    events: EventQueue
    scheduling: Scheduling
    pipeline: Pipeline
    requests: RequestCounts
    readings: ServerReadings
    plugin_routes: Sequence[Route] = ()
    configuration: Sequence[Row] = ()
    draining: bool = False

    @property
    def audit(self) -> Audit:
        """Reading the trail."""
        return self.auditing.audit

    @property
    def refusals(self) -> Refusals:
        """Where refused requests are noted."""
        return self.auditing.refusals

    @property
    def jobs(self) -> Jobs:
        """What is run on a schedule."""
        return self.scheduling.jobs

    async def not_ready(self) -> str | None:
        """Why this process should get no traffic; None if it should."""
        if self.draining:
            return "draining"
        try:
            async with asyncio.timeout(READY_WITHIN):
                await self.storage.ping()
                async with self.storage.transaction(read_only=True) as tx:
                    started = await tx.markers.get(FIRST_START)
        except (StorageError, TimeoutError):
            return "database"
        if started is None:
            return "schema"
        if await self._issuer_fails():
            return "keys"
        if abs(self.clock.skew) > READY_SKEW:
            return "clock"
        return None

    async def _issuer_fails(self) -> bool:
        named = self.abilities.issuer
        if named is None:
            return False
        try:
            ready = await self.dispatcher.call(named.id, named.opened.ready, gives=bool)
        except (Problem, StorageError):
            return True
        return not ready


def create_storage(assembly: Assembly, services: HostServices | None = None) -> Storage:
    """The configured storage, not opened; without `services`, for a command of its own."""
    plugin, kind = assembly.plugins.storage_types[0]
    options = assembly.settings.plugin_options.get(plugin, NoOptions())
    services = services or _services(assembly.settings, DatabaseClock(), Counters())
    return kind.create(services.for_plugin(plugin, options))


def migrate(assembly: Assembly, storage: Storage) -> Sequence[str]:
    """Bring the schema up to date and check it; the ids of what was applied.

    Raises `SchemaError` for a database that is ahead of this program or has drifted.
    """
    folders = assembly.plugins.migration_folders(storage.name)
    applied = storage.migrate(folders)
    status = storage.schema_status(folders)
    if not status.current:
        raise SchemaError("The schema is not current after migrating; see: agentbox migrate status")
    return applied


@asynccontextmanager
async def open_runtime(
    assembly: Assembly,
    *,
    serving: bool,
    clock: DatabaseClock | None = None,
    outgoing: AbstractAsyncContextManager[Outgoing] | None = None,
    sources: bool = False,
    shared: SharedReadings | None = None,
) -> AsyncIterator[Runtime]:
    """Everything open, and closed again at the end, last opened first.

    With `serving` the jobs and loops of a server run too; without, it is a command beside one,
    which knows what is measured if it asks for the `sources`. `outgoing` is where plugins get
    their clients for other servers from; `shared` what the processes of one server tell each
    other of their readings.
    Raises `StartError` and its kinds, with what to do about it.
    """
    settings = assembly.settings
    clock = clock or DatabaseClock()
    services = _services(settings, clock, Counters())
    requests = RequestCounts()
    readings = ServerReadings(
        services.counters, requests, clock, settings.metrics.collection_interval, shared
    )
    if serving or sources:
        services = replace(services, own_readings=readings)
    storage = create_storage(assembly, services)
    secret = root_secret(settings.server.secret_key, storage)
    await asyncio.to_thread(migrate, assembly, storage)
    async with AsyncExitStack() as stack:
        if serving:
            stack.callback(_log_counters, services.counters)
        await stack.enter_async_context(storage.open(brief=not serving))
        await clock.synchronise(storage)
        await verify_root_secret(storage, secret)
        http = None if outgoing is None else await stack.enter_async_context(outgoing)
        services = replace(
            services,
            opened_storage=storage,
            root_secret=secret,
            read_subjects=Subjects(storage, clock),
            outgoing_http=http,
        )
        abilities = await open_abilities(settings, assembly.plugins, services.for_plugin, stack)
        runtime = _assemble(assembly, services, clock, secret, abilities, requests, readings)
        await _first_start(runtime, settings, storage)
        if serving or sources:
            await runtime.pipeline.open(
                settings, assembly.plugins, services.for_plugin, stack, sinks=serving
            )
        if serving:
            await note_start(assembly, storage, clock)
            await serve(runtime, stack)
        yield runtime


def _services(settings: Settings, clock: DatabaseClock, counters: Counters) -> HostServices:
    keys = settings.api_keys
    return HostServices(
        clock=clock,
        public_url=settings.public_url,
        api_key_format=KeyFormat(keys.prefix, keys.accepted_prefixes),
        counters=counters,
        stale_after=settings.environments.stale_after,
    )


def _initial_password(storage: Storage) -> InitialPassword:
    """Beside the database where it is a file, else in the working directory."""
    return InitialPassword(storage.initial_password_path or Path("agentbox.initial-password"))


def _assemble(
    assembly: Assembly,
    services: HostServices,
    clock: DatabaseClock,
    secret: RootSecret,
    abilities: Abilities,
    requests: RequestCounts,
    readings: ServerReadings,
) -> Runtime:
    settings, plugins, storage = assembly.settings, assembly.plugins, services.storage

    def services_for(plugin: str) -> HostServices:
        return services.for_plugin(plugin, settings.plugin_options.get(plugin, NoOptions()))

    routes = isolated(plugins.routes(services_for), clock, services.counters)
    scopes = ScopeTable(plugin_scopes(routes))
    events = EventQueue(plugins.tell, services.counters)
    foundation = make_foundation(settings, services, clock, secret, abilities, scopes, events)
    passwords = make_passwords(foundation, _initial_password(storage).forget)
    environments = make_environments(foundation)
    redirects = make_redirects(foundation)
    pipeline = Pipeline(settings.metrics, clock, services.counters)
    jobs = [*pipeline.jobs(), *(job for _, job in plugins.jobs(services_for))]
    return Runtime(
        settings=settings,
        plugins=plugins,
        storage=storage,
        clock=clock,
        counters=services.counters,
        scopes=scopes,
        abilities=abilities,
        recognition=make_recognition(foundation),
        dispatcher=foundation.dispatcher,
        passwords=passwords,
        login=make_login(foundation),
        refreshing=make_refreshing(foundation),
        redirects=redirects,
        linking=make_linking(foundation, passwords, redirects),
        users=make_users(foundation, passwords),
        recovery=make_recovery(foundation, passwords),
        sessions=make_sessions(foundation),
        api_keys=make_api_keys(foundation),
        environments=environments,
        reports=make_reports(foundation),
        permissions=make_permissions(foundation),
        questions=make_questions(foundation),
        signing_keys=make_signing_keys(foundation),
        last_used=foundation.last_used,
        auditing=foundation.audit,
        events=events,
        scheduling=make_scheduling(foundation, jobs, plugins.migration_folders(storage.name)),
        pipeline=pipeline,
        configuration=effective(settings, assembly.sources),
        requests=requests,
        readings=readings,
        plugin_routes=[permitted(route, environments.require) for route in routes],
    )


async def _first_start(runtime: Runtime, settings: Settings, storage: Storage) -> None:
    await ensure_first_admin(
        storage,
        runtime.clock,
        runtime.passwords,
        settings.admin,
        _initial_password(storage).deliver,
    )


def _log_counters(counters: Counters) -> None:
    """The last thing a server does, for those who collect no metrics."""
    _log.info("counters", counts=counters.snapshot())
