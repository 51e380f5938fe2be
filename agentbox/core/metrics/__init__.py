"""Metrics: collected tick by tick from sources, delivered to sinks, kept as long as told."""
