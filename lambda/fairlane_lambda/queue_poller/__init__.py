"""Publishes how full AWS Batch queues are: once a minute, for every queue and each of its shares."""
