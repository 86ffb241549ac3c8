"""Amazon ECR: repositories and replication rules."""
