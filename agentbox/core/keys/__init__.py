"""API keys: made, listed, narrowed, rotated, revoked."""
