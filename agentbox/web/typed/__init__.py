"""Typed handlers: a row of the route table becomes an aiohttp handler."""
