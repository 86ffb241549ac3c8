"""Monitoring of HyperPod clusters: events, alarms, rules for Prometheus, and a dashboard."""
