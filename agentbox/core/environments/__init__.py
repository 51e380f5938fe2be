"""Environments: registered, shared, and asked about."""
