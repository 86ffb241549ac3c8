"""Puts replication rules into the one configuration of an ECR registry, beside the rules of others."""
