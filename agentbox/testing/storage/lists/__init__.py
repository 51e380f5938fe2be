"""Lists: order, pages, filters, counts."""

from __future__ import annotations

from agentbox.testing.storage.lists.audit import AuditListTests
from agentbox.testing.storage.lists.environments import EnvironmentListTests
from agentbox.testing.storage.lists.grants import GrantListTests
from agentbox.testing.storage.lists.people_and_keys import PersonAndKeyListTests


class ListTests(PersonAndKeyListTests, EnvironmentListTests, GrantListTests, AuditListTests):
    """Lists hold what they should, newest first, ties by id from the last."""
