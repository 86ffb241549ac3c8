"""Metrics of ended jobs, blocked queues and preemptions, from AWS Batch events."""
