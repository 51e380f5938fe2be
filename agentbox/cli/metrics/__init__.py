"""`agentbox metrics`: what was measured, drawn in the terminal."""
