"""Tests of queues with a local AWS Batch."""
