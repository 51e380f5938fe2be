"""Use cases and what they run on; no HTTP, no environment variables."""
