"""Commands for whoever runs the server: its signing keys, and its state of health."""
