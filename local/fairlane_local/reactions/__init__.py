"""Reactions of a local AWS: event rules, schedules and event source mappings that call their targets."""
