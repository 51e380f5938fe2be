"""What was said, by name and place, before anything is typed."""
