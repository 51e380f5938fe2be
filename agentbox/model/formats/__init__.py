"""Texts that come from outside, parsed strictly: JSON, compact JWS, API keys."""
