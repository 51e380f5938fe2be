"""Moving all that is stored to another database."""
