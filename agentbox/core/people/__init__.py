"""Users, their passwords and what gives one back: the use cases around people."""
