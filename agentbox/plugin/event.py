"""What `agentbox_event` is told."""

from agentbox.model.audit import AuditEvent

Event = AuditEvent
"""An event is the audit row of a committed change, or of a refusal (`result` is `denied`)."""
