"""Lambda function that plans a manifest: it checks and places each line, and writes one part for each Region."""
