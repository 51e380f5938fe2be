"""The authors' front door: everything a plugin needs is here, in `agentbox.model`, in `errors`."""

from agentbox.plugin.authenticator import (
    AccountPolicy,
    AuthenticatorType,
    Challenge,
    IssuerKey,
    LoginAnswer,
    LoginContext,
    LoginMethod,
    LoginProvider,
    NotMine,
    PasswordAuthenticator,
    PasswordHasher,
    PasswordLogin,
    RedirectAuthenticator,
    RedirectLogin,
    RequestAuthenticator,
    TokenIssuer,
    TokenRequest,
    Verified,
)
from agentbox.plugin.event import Event
from agentbox.plugin.findings import Finding
from agentbox.plugin.http import HttpClient, JsonAnswer, Outgoing
from agentbox.plugin.job import Job, JobRun
from agentbox.plugin.metrics import (
    Family,
    Histogram,
    MetricSink,
    MetricSinkType,
    MetricSource,
    MetricSourceType,
    MetricsPage,
    Page,
    Readings,
)
from agentbox.plugin.migrations import MigrationFolder
from agentbox.plugin.options import NoOptions, Options
from agentbox.plugin.origins import canonical_origin
from agentbox.plugin.policy import (
    LoginPolicy,
    PasswordContext,
    PasswordPolicy,
    PolicyType,
    TokenClaims,
)
from agentbox.plugin.routes import Route, RouteRequest, RouteResponse
from agentbox.plugin.services import Clock, Logger, Sealer, Services
from agentbox.plugin.spec import API_VERSION, hookimpl
from agentbox.plugin.storage import Change, Storage, StorageType, Transaction

__all__ = [
    "API_VERSION",
    "AccountPolicy",
    "AuthenticatorType",
    "Challenge",
    "Change",
    "Clock",
    "Event",
    "Family",
    "Finding",
    "Histogram",
    "HttpClient",
    "IssuerKey",
    "Job",
    "JobRun",
    "JsonAnswer",
    "Logger",
    "LoginAnswer",
    "LoginContext",
    "LoginMethod",
    "LoginPolicy",
    "LoginProvider",
    "MetricSink",
    "MetricSinkType",
    "MetricSource",
    "MetricSourceType",
    "MetricsPage",
    "MigrationFolder",
    "NoOptions",
    "NotMine",
    "Options",
    "Outgoing",
    "Page",
    "PasswordAuthenticator",
    "PasswordContext",
    "PasswordHasher",
    "PasswordLogin",
    "PasswordPolicy",
    "PolicyType",
    "Readings",
    "RedirectAuthenticator",
    "RedirectLogin",
    "RequestAuthenticator",
    "Route",
    "RouteRequest",
    "RouteResponse",
    "Sealer",
    "Services",
    "Storage",
    "StorageType",
    "TokenClaims",
    "TokenIssuer",
    "TokenRequest",
    "Transaction",
    "Verified",
    "canonical_origin",
    "hookimpl",
]
