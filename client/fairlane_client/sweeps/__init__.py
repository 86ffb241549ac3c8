"""Sweeps: many runs of one training job with other parameters, and their leaderboard."""
