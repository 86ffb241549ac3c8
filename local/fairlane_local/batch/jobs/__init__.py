"""Jobs of a local AWS Batch."""
