"""Custom resource that adds replication rules to an ECR registry and keeps the rules of others."""
