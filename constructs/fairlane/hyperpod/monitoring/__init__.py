"""Monitoring of HyperPod clusters: events, alarms, rules for Prometheus, and a dashboard."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
