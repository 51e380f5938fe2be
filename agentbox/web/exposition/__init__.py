"""`GET /metrics`: the page of a sink that shows one, with a credential or on a port of its own."""
