"""What copies of a Postgres database need."""
