"""What agentbox measures of itself: counted here, added up over the processes of a server."""
