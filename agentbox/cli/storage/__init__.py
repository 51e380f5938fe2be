"""`agentbox storage`: backups, and moving to another database."""
