"""Alarms on queues and on the exporter of job metrics."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
