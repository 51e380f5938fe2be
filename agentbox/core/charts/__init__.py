"""What is read of what was measured: series at a step, and the figures of a dashboard."""
