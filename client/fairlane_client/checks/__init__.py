"""Checks of submissions against the queue, before they are submitted."""
