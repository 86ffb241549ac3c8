"""Server of the local AWS, and access to the server."""
