"""Alarms, event routing and runs of the deployed exporter of job metrics."""
