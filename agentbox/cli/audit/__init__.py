"""`agentbox audit`: the trail, from the server's own machine."""
