"""The server on localhost, and access to it."""
