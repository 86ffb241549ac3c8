"""Keys of the objects of a sweep in its store."""

from typing import Final

CHUNK: Final = 10_000
"""Largest number of lines of a manifest: the largest size of an array job."""


class Layout:
    """Keys of one sweep.

    Args:
        sweep: Id of the sweep.
    """

    def __init__(self, sweep: str) -> None:
        self.folder = f"sweeps/{sweep}/"
        self.description = f"{self.folder}sweep.json"
        self.manifests = f"{self.folder}manifests/"
        self.submissions = f"{self.folder}submissions/"
        self.stopped = f"{self.folder}stopped"
        self.results = f"results/sweep={sweep}/"
        self.failures = f"failures/sweep={sweep}/"
        self.progress = f"progress/sweep={sweep}/"

    def manifest(self, number: int) -> str:
        """Return the key of a manifest."""
        return f"{self.manifests}{number:04}.jsonl"

    def claim(self, number: int) -> str:
        """Return the key of the claim of a submission."""
        return f"{self.submissions}{number:04}.claim.json"

    def submission(self, number: int) -> str:
        """Return the key of the record of a submission."""
        return f"{self.submissions}{number:04}.json"
