"""Alarms, event routing and the deployed exporter of job metrics."""
