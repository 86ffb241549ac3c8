"""Metrics of jobs that have ended, of queues that are blocked and of preemptions, from AWS Batch's events."""
