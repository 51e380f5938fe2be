"""TOML and environment to typed settings, with all faults at once."""
