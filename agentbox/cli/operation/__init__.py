"""Commands for whoever runs the server: its signing keys, jobs, and its state of health."""
