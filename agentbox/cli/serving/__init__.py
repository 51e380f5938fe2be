"""`agentbox serve`: one process, or several on one socket."""
