"""What is put in comes out again, field by field."""

from __future__ import annotations

from agentbox.testing.storage.crud.audit import AuditTests
from agentbox.testing.storage.crud.environments import EnvironmentTests
from agentbox.testing.storage.crud.grants import GrantTests
from agentbox.testing.storage.crud.identities import IdentityTests
from agentbox.testing.storage.crud.keys import KeyTests
from agentbox.testing.storage.crud.metrics import MetricTests
from agentbox.testing.storage.crud.people import PersonTests
from agentbox.testing.storage.crud.records import RecordTests
from agentbox.testing.storage.crud.reports import ReportTests
from agentbox.testing.storage.crud.sessions import SessionTests
from agentbox.testing.storage.crud.throttles import ThrottleTests


class CrudTests(
    PersonTests,
    IdentityTests,
    SessionTests,
    ThrottleTests,
    KeyTests,
    EnvironmentTests,
    GrantTests,
    ReportTests,
    MetricTests,
    AuditTests,
    RecordTests,
):
    """Each store adds, gives back, changes and removes."""
