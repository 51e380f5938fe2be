"""The JSON shapes that clients send and get (docs/http.md, /openapi.json), by subject."""
