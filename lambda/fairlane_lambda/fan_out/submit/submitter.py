"""Threads that submit lines: claim, call, record; and look-ups of lines whose answer got lost."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from fairlane_lambda.aws_errors import is_temporary
from fairlane_lambda.fan_out.lease import Run
from fairlane_lambda.fan_out.ledger import REFUSED, SUBMITTED, UNKNOWN, Attempt, Ledger
from fairlane_lambda.fan_out.pace import LEAD_MS, Pace
from fairlane_lambda.fan_out.submit import batch
from fairlane_lambda.fan_out.submit.work import LATEST_MS, Task, Work, look_up_time
from fairlane_lambda.fan_out.table import Item

DAY_MS: Final = 24 * 3600 * 1000
"""Milliseconds after its last attempt at which a line without a listed job is left to a person."""
_PAUSE_MS: Final = 15_000


class Submitter:
    """Submission of the lines of a part.

    Args:
        clients: Returns the boto3 client of AWS Batch in a Region, without retries of its own.
        ledger: Ledger of the fan-out.
        work: Lines that are left.
        pace: Slots of the Region.
        event: Input of the function.
        run: Run of the function.
    """

    def __init__(
        self,
        clients: Callable[[str], Any],
        ledger: Ledger,
        work: Work,
        pace: Pace,
        event: dict[str, Any],
        run: Run,
    ) -> None:
        self._clients = clients
        self._client = clients(event["region"])
        self._ledger = ledger
        self._work = work
        self._pace = pace
        self._clock = run.clock
        self._manifest: str = event["manifest"]
        self._place = {"region": event["region"], "version": event["version"]}
        self._owner = run.owner

    def run(self) -> None:
        """Submit lines until none is left for this thread."""
        try:
            while task := self._work.take():
                if task.claim is None or self._is_missing(task, task.claim):
                    self._submit(task)
        except BaseException:
            self._work.close()
            raise

    def _is_missing(self, task: Task, claim: Item) -> bool:
        """Look up the job of a claimed line. Return True if there is none and the line is to be submitted again."""
        try:
            job = batch.find(self._clients(claim["region"]), claim)
        except Exception as error:
            if not is_temporary(error):
                raise
            self._work.put_back(task, self._clock.now() + _PAUSE_MS)
            return False
        if job is not None:
            self._settle(task, claim, SUBMITTED, job_id=job)
        elif task.refusal:
            self._settle(task, claim, REFUSED, status_reason=task.refusal)
        elif self._clock.now() - claim["attempted_at"] > DAY_MS:
            self._settle(task, claim, UNKNOWN)
        else:
            return True
        return False

    def _submit(self, task: Task) -> None:
        while True:
            slot = self._pace.take()
            if slot is None:
                self._work.end()
            else:
                self._clock.sleep_until(slot - LEAD_MS)
            if slot is None or not self._work.may_submit():
                self._withdraw(task)
                return
            claim = self._fields(task.line)
            found = self._claim(task, claim, Attempt(self._owner, slot))
            if found is not None:
                self._work.follow(task, found)
                return
            task.claim = claim = {**claim, "attempted_at": slot}
            self._clock.sleep_until(slot)
            if self._clock.now() > slot + LATEST_MS:
                continue
            try:
                answer = batch.submit(self._client, task.line)
            except batch.SubmitError:
                self._withdraw(task)
                raise
            if answer.job:
                self._pace.speed_up()
                self._settle(task, claim, SUBMITTED, job_id=answer.job)
            elif answer.reason and not task.is_doubtful:
                self._settle(task, claim, REFUSED, status_reason=answer.reason)
            elif answer.is_throttled:
                self._pace.slow_down(slot)
                continue
            else:
                task.is_doubtful, task.refusal = True, answer.reason
                if not answer.reason:
                    self._pace.slow_down(slot)
                self._work.put_back(task, look_up_time(slot))
            return

    def _claim(self, task: Task, fields: Item, attempt: Attempt) -> Item | None:
        if task.claim is None:
            return self._ledger.claim(self._manifest, task.digest, fields, attempt)
        return self._ledger.renew(self._manifest, task.digest, task.claim["attempted_at"], fields, attempt)

    def _fields(self, line: Mapping[str, Any]) -> Item:
        fields = {
            "id": line["id"],
            "kind": line["kind"],
            "job_name": line["name"],
            "queue": line["queue"],
            "gpus": line["gpus"],
            "placement": line["reason"],
            **self._place,
        }
        if line.get("share"):
            fields["share"] = line["share"]
        if line.get("children"):
            fields["children"] = len(line["children"])
        return fields

    def _settle(self, task: Task, claim: Item, state: str, **fields: Any) -> None:
        if self._ledger.settle(self._manifest, task.digest, state, claim["attempted_at"], **fields):
            self._work.finish(task)
        else:
            _, items = self._ledger.read(self._manifest, [task.digest])
            self._work.follow(task, items.get(task.digest, {}))

    def _withdraw(self, task: Task) -> None:
        """Delete the claim of a line that surely has no job. Otherwise, a later function looks the job up."""
        if task.claim is not None and not task.is_doubtful:
            self._ledger.withdraw(self._manifest, task.digest, task.claim["attempted_at"])
