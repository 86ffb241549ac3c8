"""Submission of a manifest, exactly once, by any number of clients that can stop at any moment.

A submission is claimed by a conditional write, submitted under a name that only it has, then recorded. A claim without
a record is looked up by that name before anything is submitted again. A client sends requests at most `ATTEMPT_SECONDS`
after its claim, then renews the claim, and a request takes at most `REQUEST_SECONDS`. Lists of jobs lag, so the look-up
waits until `LAG_SECONDS` after the end of the last possible request.

AWS does not document how long the lists of AWS Batch lag. Ages are by the clock of Amazon S3, not of the clients.
"""

import json
from collections.abc import Callable
from typing import Any, Final, Protocol
from uuid import uuid4

from fairlane_client.clock import Clock
from fairlane_client.sweeps.bucket import Bucket, to_json
from fairlane_client.sweeps.layout import Layout
from fairlane_client.sweeps.manifest import Manifest

LAG_SECONDS: Final = 60
ATTEMPT_SECONDS: Final = 15
REQUEST_SECONDS: Final = 25
"""Limit of one request."""
STALE_SECONDS: Final = ATTEMPT_SECONDS + REQUEST_SECONDS + LAG_SECONDS
"""Age from which a claim without a record is looked up."""
_POLL_SECONDS: Final = 10
_ATTEMPTS: Final = 5
_FREE: Final = b'{"free":true}'


class Refused(Exception):  # noqa: N818
    """Refusal of AWS Batch. Its text is AWS's message.

    Args:
        message: Message of AWS Batch.
        partial: True if other jobs of the manifest exist.
    """

    def __init__(self, message: str, *, partial: bool = False) -> None:
        super().__init__(message)
        self.partial = partial


class Unanswered(Exception):  # noqa: N818
    """Request whose answer is lost, or a claim that another client has taken: the jobs must be looked up."""


class Target(Protocol):
    """Jobs of manifests in one queue."""

    def find(self, manifest: Manifest) -> dict[str, Any] | None:
        """Return the record of a manifest whose jobs all exist. None if a job is missing."""

    def submit(self, manifest: Manifest, renew: Callable[[], None]) -> dict[str, Any]:
        """Submit the missing jobs of a manifest, and return their record.

        Args:
            manifest: Manifest to submit.
            renew: Function to call before each request.

        Raises:
            Refused: If AWS Batch refuses a request.
            Unanswered: If an answer is lost.
        """

    def existing(self, manifest: Manifest) -> list[str]:
        """Return the jobs of a manifest that exist."""


class Submissions:
    """Submissions of one sweep.

    Args:
        bucket: Bucket of the store.
        layout: Keys of the sweep.
        target: Jobs of the manifests.
        clock: Time of this client.
        is_stopped: Returns True if the sweep was stopped. Called at each renewal of a claim.
    """

    def __init__(
        self, bucket: Bucket, layout: Layout, target: Target, clock: Clock, is_stopped: Callable[[], bool]
    ) -> None:
        self._bucket, self._layout, self._target, self._clock = bucket, layout, target, clock
        self._is_stopped = is_stopped
        self._records: dict[int, tuple[dict[str, Any], float]] = {}

    def record(self, number: int) -> dict[str, Any] | None:
        """Return the record of a submission. None if it is not recorded. Records never change: each is read once."""
        if number not in self._records:
            found = self._bucket.read(self._layout.submission(number))
            if found is None:
                return None
            self._records[number] = dict(json.loads(found.body)), self._clock.now() - found.age
        return self._records[number][0]

    def is_listed(self, number: int) -> bool:
        """Return True if the jobs of a recorded submission appear in lists."""
        return number in self._records and self._clock.now() - self._records[number][1] > LAG_SECONDS

    def submit(self, manifest: Manifest) -> dict[str, Any] | None:
        """Submit a manifest unless it is submitted, and return the record of its jobs. None if the sweep was stopped.

        A sweep that is stopped keeps its claim, so that `close` waits until the last jobs are listed.

        Raises:
            Refused: If AWS Batch refuses the jobs. The claim is free then, unless some of the jobs exist.
            Unanswered: If several answers are lost.
        """
        for attempt in range(_ATTEMPTS):
            claim = self._claim(manifest)
            if isinstance(claim, dict):
                return claim
            try:
                jobs = self._target.submit(manifest, claim.renew)
            except Refused as error:
                if not error.partial:
                    claim.free()
                raise
            except Unanswered:
                if self._is_stopped():
                    return None
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return self._record(manifest, jobs)
        raise AssertionError

    def close(self, manifest: Manifest) -> list[str]:
        """Return the jobs of a manifest after all requests of other clients have ended. Nothing is submitted."""
        claim = self._claim(manifest)
        if isinstance(claim, dict):
            return list(claim["jobs"])
        jobs = self._target.existing(manifest)
        claim.free()
        return jobs

    def _claim(self, manifest: Manifest) -> "_Claim | dict[str, Any]":
        """Return the claim of this client, or the record if the manifest is submitted."""
        claim = _Claim(self._bucket, self._layout.claim(manifest.number), self._clock, self._is_stopped)
        if claim.take(None):
            return claim
        while True:
            if record := self.record(manifest.number):
                return record
            found = self._bucket.read(claim.key)
            assert found, f"{claim.key} was deleted"
            if found.body != _FREE:
                if found.age <= STALE_SECONDS:
                    self._clock.sleep(min(STALE_SECONDS - found.age + 1, _POLL_SECONDS))
                    continue
                if jobs := self._target.find(manifest):
                    return self._record(manifest, jobs)
            if claim.take(found.etag):
                return claim

    def _record(self, manifest: Manifest, jobs: dict[str, Any]) -> dict[str, Any]:
        self._bucket.put_once(self._layout.submission(manifest.number), to_json(jobs))
        return self.record(manifest.number) or jobs


class _Claim:
    """Claim of this client on a submission."""

    def __init__(self, bucket: Bucket, key: str, clock: Clock, is_stopped: Callable[[], bool]) -> None:
        self.key = key
        self._bucket, self._clock, self._is_stopped = bucket, clock, is_stopped
        self._etag = ""
        self._at = 0.0

    def take(self, etag: str | None) -> bool:
        """Write the claim, in place of one with an ETag. Return False if another client was faster."""
        self._at = self._clock.now()
        content = to_json({"client": uuid4().hex})
        new = (
            self._bucket.put_once(self.key, content) if etag is None else self._bucket.replace(self.key, content, etag)
        )
        self._etag = new or ""
        return new is not None

    def renew(self) -> None:
        """Write the claim again if it is old.

        Raises:
            Unanswered: If another client has taken the claim, or if the sweep was stopped.
        """
        while self._clock.now() - self._at > ATTEMPT_SECONDS:
            if self._is_stopped():
                raise Unanswered("the sweep was stopped")
            if not self.take(self._etag):
                raise Unanswered("another client has taken the claim")

    def free(self) -> None:
        """Let the next attempt claim at once."""
        self._bucket.replace(self.key, _FREE, self._etag)
