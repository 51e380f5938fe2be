"""Signing in at other sites, and linking what they vouch for to users of ours."""
