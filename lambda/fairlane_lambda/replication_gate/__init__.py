"""Replication status of ECR images, and backfills of destinations."""
