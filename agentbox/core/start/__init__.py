"""What a start needs once: the root secret, the plugins opened, the first super_admin."""
