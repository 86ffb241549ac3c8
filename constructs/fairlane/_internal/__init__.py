"""Helpers without a domain. Not part of the public API."""
