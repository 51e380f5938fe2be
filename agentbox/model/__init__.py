"""Frozen value types and pure functions: no I/O, no clock, nothing above imported."""
