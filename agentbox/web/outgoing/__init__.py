"""Requests of our own to other servers; who makes them is asked for by plugins."""
