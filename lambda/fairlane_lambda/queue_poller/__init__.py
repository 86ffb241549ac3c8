"""Gauges of AWS Batch queues and their shares, published once a minute."""
