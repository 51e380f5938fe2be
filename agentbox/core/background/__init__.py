"""What goes on beside requests: events, jobs, and a watch over the loop."""
