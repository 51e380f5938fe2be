"""What the use cases stand on, and each of them put on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agentbox.config.schema import Settings
from agentbox.config.sections import ThrottleSettings
from agentbox.core.audit.parts import AuditParts, make_audit
from agentbox.core.audit.refusals import Refusals
from agentbox.core.background.events import EventQueue
from agentbox.core.changes import Changes
from agentbox.core.clock import DatabaseClock
from agentbox.core.environments.environments import Environments
from agentbox.core.environments.permissions import Permissions
from agentbox.core.environments.questions import Questions
from agentbox.core.environments.reports import Reports
from agentbox.core.environments.staleness import Staleness
from agentbox.core.guesses import Guesses, GuessLimits
from agentbox.core.host_services import HostServices
from agentbox.core.identities.accounts import Accounts
from agentbox.core.identities.flows import Flows
from agentbox.core.identities.linking import Linking
from agentbox.core.identities.redirects import Redirects
from agentbox.core.keys.api_keys import ApiKeys
from agentbox.core.login import Login
from agentbox.core.paging import Pages
from agentbox.core.people.passwords import Passwords
from agentbox.core.people.recovery import Recovery
from agentbox.core.people.refresh_tokens import RefreshLifetimes, RefreshTokens
from agentbox.core.people.refreshing import Refreshing
from agentbox.core.people.sessions import Sessions
from agentbox.core.people.users import Users
from agentbox.core.recognition.dispatch import Dispatcher
from agentbox.core.recognition.last_used import LastUsed
from agentbox.core.recognition.recognition import Recognition
from agentbox.core.signing import SigningKeys
from agentbox.core.signing_in import SigningIn
from agentbox.core.start.opening import Abilities
from agentbox.core.start.root_secret import RootSecret
from agentbox.core.tokens import AccessTokens
from agentbox.model.access.scopes import ScopeTable
from agentbox.model.throttles import parse_guess_limit
from agentbox.plugin.authenticator import PasswordAuthenticator, RedirectAuthenticator
from agentbox.plugin.services import Sealer


@dataclass(frozen=True, slots=True)
class Foundation:
    """Parts that several use cases share."""

    settings: Settings
    services: HostServices
    abilities: Abilities
    scopes: ScopeTable
    dispatcher: Dispatcher
    changes: Changes
    events: EventQueue
    last_used: LastUsed
    audit: AuditParts
    guesses: Guesses
    cursors: Sealer
    refresh_tokens: RefreshTokens


def make_foundation(
    settings: Settings,
    services: HostServices,
    clock: DatabaseClock,
    secret: RootSecret,
    abilities: Abilities,
    scopes: ScopeTable,
    events: EventQueue,
) -> Foundation:
    """What the use cases share, from what is open."""
    storage, tokens = services.storage, settings.tokens
    audit = make_audit(
        storage, clock, services.counters, events, scopes, secret, settings.audit.retention
    )
    return Foundation(
        settings=settings,
        services=services,
        abilities=abilities,
        scopes=scopes,
        dispatcher=Dispatcher(clock, services.counters),
        changes=Changes(storage, clock, scopes, events),
        events=events,
        last_used=LastUsed(storage),
        audit=audit,
        guesses=_guesses(settings.throttle, services, audit.refusals),
        cursors=secret.for_use("cursor"),
        refresh_tokens=RefreshTokens(
            secret.macs("refresh"),
            RefreshLifetimes(idle=tokens.refresh_expiry, grace=tokens.refresh_grace),
        ),
    )


def _guesses(throttle: ThrottleSettings, services: HostServices, refusals: Refusals) -> Guesses:
    limits = GuessLimits(
        account_address=parse_guess_limit(throttle.account_address),
        account=parse_guess_limit(throttle.account),
        address=parse_guess_limit(throttle.address),
        total=parse_guess_limit(throttle.total),
    )
    return Guesses(
        limits,
        storage=services.storage,
        clock=services.clock,
        counters=services.counters,
        refusals=refusals,
    )


def make_recognition(on: Foundation) -> Recognition:
    """The verification function of the configured chain."""
    return Recognition(
        chain=on.abilities.chain,
        storage=on.services.storage,
        subjects=on.services.subjects,
        clock=on.services.clock,
        scopes=on.scopes,
        dispatcher=on.dispatcher,
        counters=on.services.counters,
        last_used=on.last_used,
        cache_seconds=on.settings.server.credential_cache.total_seconds(),
    )


def make_passwords(on: Foundation, forget_initial_password: Callable[[], None]) -> Passwords:
    """Passwords with the first enabled hasher and every enabled policy."""
    return Passwords(
        hasher=on.abilities.hasher,
        policies=on.abilities.password_policies,
        dispatcher=on.dispatcher,
        storage=on.services.storage,
        changes=on.changes,
        guesses=on.guesses,
        forget_initial_password=forget_initial_password,
        methods=_password_methods(on),
    )


def make_access_tokens(on: Foundation) -> AccessTokens:
    """Access tokens by the first enabled issuer, with every enabled source of claims."""
    return AccessTokens(
        issuer=on.abilities.issuer,
        claims=on.abilities.claims,
        audience=on.settings.public_url,
        expiry=on.settings.tokens.access_expiry,
        dispatcher=on.dispatcher,
    )


def make_signing_in(on: Foundation) -> SigningIn:
    """The end of every way to sign in."""
    return SigningIn(
        policies=on.abilities.login_policies,
        tokens=make_access_tokens(on),
        session_max_age=on.settings.tokens.session_max_age,
        clock=on.services.clock,
        dispatcher=on.dispatcher,
        changes=on.changes,
        refresh_tokens=on.refresh_tokens,
        refusals=on.audit.refusals,
        counters=on.services.counters,
    )


def make_login(on: Foundation) -> Login:
    """Signing in by the configured methods."""
    return Login(
        on.abilities.methods,
        signing_in=make_signing_in(on),
        storage=on.services.storage,
        clock=on.services.clock,
        sealer=on.services.sealer,
        dispatcher=on.dispatcher,
        changes=on.changes,
        guesses=on.guesses,
    )


def make_redirects(on: Foundation) -> Redirects:
    """Signing in at the configured providers."""
    services, signing_in = on.services, make_signing_in(on)
    return Redirects(
        on.abilities.methods,
        flows=Flows(services.storage, services.sealer, services.clock),
        accounts=Accounts(services.storage, on.changes, signing_in),
        signing_in=signing_in,
        dispatcher=on.dispatcher,
        clock=services.clock,
        own_origin=on.settings.public_url,
        return_to=on.settings.server.return_to,
    )


def make_linking(on: Foundation, passwords: Passwords, redirects: Redirects) -> Linking:
    """The use cases around one's own sign-ins at providers."""
    return Linking(
        storage=on.services.storage,
        changes=on.changes,
        passwords=passwords,
        redirects=redirects,
        signing_in=make_signing_in(on),
        password_signs_in=bool(_password_methods(on)),
    )


def make_refreshing(on: Foundation) -> Refreshing:
    """Going on with the sessions that the configured methods have begun."""
    return Refreshing(
        storage=on.services.storage,
        clock=on.services.clock,
        changes=on.changes,
        counters=on.services.counters,
        access_tokens=make_access_tokens(on),
        refresh_tokens=on.refresh_tokens,
        refusals=on.audit.refusals,
        methods=frozenset(_sign_ins(on)),
    )


def _sign_ins(on: Foundation) -> Iterator[str]:
    """The ids that sessions may have begun by."""
    for named in on.abilities.methods:
        yield named.id
        if isinstance(named.opened, RedirectAuthenticator):
            yield from (info.id for info in named.opened.providers)


def _password_methods(on: Foundation) -> frozenset[str]:
    """The ids that sessions have begun by which a password, or a reset secret, opened."""
    methods = on.abilities.methods
    return frozenset(each.id for each in methods if isinstance(each.opened, PasswordAuthenticator))


def make_users(on: Foundation, passwords: Passwords) -> Users:
    """The use cases around users."""
    return Users(
        storage=on.services.storage,
        changes=on.changes,
        passwords=passwords,
        scopes=on.scopes,
        pages=Pages(on.cursors, "users"),
    )


def make_recovery(on: Foundation, passwords: Passwords) -> Recovery:
    """The use cases for somebody who can't sign in any more."""
    return Recovery(changes=on.changes, passwords=passwords, scopes=on.scopes)


def make_sessions(on: Foundation) -> Sessions:
    """The use cases around sessions that have begun."""
    return Sessions(
        storage=on.services.storage,
        changes=on.changes,
        clock=on.services.clock,
        scopes=on.scopes,
        pages=Pages(on.cursors, "sessions"),
    )


def make_api_keys(on: Foundation) -> ApiKeys:
    """The use cases around API keys."""
    return ApiKeys(
        storage=on.services.storage,
        changes=on.changes,
        clock=on.services.clock,
        scopes=on.scopes,
        key_format=on.services.api_key_format,
        max_lifetime=on.settings.api_keys.max_lifetime,
        pages=Pages(on.cursors, "api_keys"),
    )


def make_environments(on: Foundation) -> Environments:
    """The use cases around environments."""
    return Environments(
        storage=on.services.storage,
        changes=on.changes,
        scopes=on.scopes,
        pages=Pages(on.cursors, "environments"),
        quota=on.settings.environments.quota,
        staleness=Staleness(on.services.clock, on.settings.environments.stale_after),
    )


def make_reports(on: Foundation) -> Reports:
    """What environments report."""
    return Reports(
        storage=on.services.storage,
        changes=on.changes,
        clock=on.services.clock,
        scopes=on.scopes,
    )


def make_permissions(on: Foundation) -> Permissions:
    """The use cases around permissions on environments."""
    return Permissions(
        storage=on.services.storage,
        changes=on.changes,
        scopes=on.scopes,
        pages=Pages(on.cursors, "permissions"),
        quota=on.settings.environments.quota,
    )


def make_questions(on: Foundation) -> Questions:
    """Answers to questions about rights."""
    return Questions(storage=on.services.storage, clock=on.services.clock, scopes=on.scopes)


def make_signing_keys(on: Foundation) -> SigningKeys:
    """The use cases around the keys of the token issuer."""
    return SigningKeys(
        issuer=on.abilities.issuer,
        changes=on.changes,
        scopes=on.scopes,
        dispatcher=on.dispatcher,
        clock=on.services.clock,
    )
