"""Keeping what is stored: backups with the key that they need."""
