"""Middlewares, outermost first: observe, cors, errors, forwarded, authenticate, authorise.

Each one's docstring is its specification. aiohttp passes the next one by the keyword `handler`.
"""
