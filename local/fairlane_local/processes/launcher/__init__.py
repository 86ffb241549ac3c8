"""Launcher of one process of a job, in an isolated interpreter."""
