"""What environments reported, and series of samples: raw, rolled up level by level, and charted."""

from agentbox.plugin.sql.metrics.reports import SqlReportStore
from agentbox.plugin.sql.metrics.store import SqlMetricStore

__all__ = ["SqlMetricStore", "SqlReportStore"]
