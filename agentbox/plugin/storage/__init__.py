"""The storage contract: small stores, reached through one transaction each.

- Secrets never arrive in clear: only digests, password hashes and sealed bytes.
- Only errors of `agentbox.errors` leave a backend: `Conflict` for a name that is taken,
  `StorageError` for everything that is broken.
- Times are aware UTC to the microsecond; they are passed in and never taken here.
- Inside a transaction nothing is awaited but the transaction.

`agentbox.testing.StorageSuite` says whether a backend keeps all of this.
"""

from __future__ import annotations

from agentbox.plugin.storage.audit import AuditStore
from agentbox.plugin.storage.database import (
    ALL_CHANGED,
    Change,
    Storage,
    StorageType,
    Transaction,
)
from agentbox.plugin.storage.environments import EnvironmentStore, GrantStore
from agentbox.plugin.storage.keys import (
    ApiKeyRateStore,
    ApiKeyStore,
    ApiKeyUsageStore,
    SigningKeyStore,
)
from agentbox.plugin.storage.metrics import MetricStore, ReportStore
from agentbox.plugin.storage.page import Page
from agentbox.plugin.storage.people import (
    IdentityStore,
    LoginFlowStore,
    PasswordResetStore,
    PasswordStore,
    SessionStore,
    UserStore,
)
from agentbox.plugin.storage.records import JobStore, MarkerStore
from agentbox.plugin.storage.tables import Column, Tables, TableShape, WritableTables
from agentbox.plugin.storage.throttles import ThrottleStore

__all__ = [
    "ALL_CHANGED",
    "ApiKeyRateStore",
    "ApiKeyStore",
    "ApiKeyUsageStore",
    "AuditStore",
    "Change",
    "Column",
    "EnvironmentStore",
    "GrantStore",
    "IdentityStore",
    "JobStore",
    "LoginFlowStore",
    "MarkerStore",
    "MetricStore",
    "Page",
    "PasswordResetStore",
    "PasswordStore",
    "ReportStore",
    "SessionStore",
    "SigningKeyStore",
    "Storage",
    "StorageType",
    "TableShape",
    "Tables",
    "ThrottleStore",
    "Transaction",
    "UserStore",
    "WritableTables",
]
