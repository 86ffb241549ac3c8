"""Random lives of jobs of a fan-out: transitions with their events, and the fields of a line after each of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from fairlane_lambda.fan_out.names import job_name

FAN_OUT, MANIFEST = "campaigns", "drives"
START = 1_790_000_000_000
SECRET = "learning-rate-0.000217"
_STEPS = (0, 0, 400, 1_300, 61_000, 900_000)


@dataclass
class Transition:
    """Transition of a job.

    Attributes:
        time: Time in epoch milliseconds.
        detail: Job as AWS Batch describes it.
        fields: Fields of the line that follow from it.
    """

    time: int
    detail: dict[str, Any]
    fields: dict[str, Any]


@dataclass
class Life:
    """Life of a job, or of a child of an array job."""

    digest: str
    job_id: str
    kind: str = "service"
    child: int | None = None
    size: int = 1
    region: str = "us-west-2"
    transitions: list[Transition] = field(default_factory=list)

    @property
    def name(self) -> str:
        return job_name(FAN_OUT, MANIFEST, "drive", self.digest)

    @property
    def description(self) -> dict[str, Any]:
        """The job as AWS Batch describes it now."""
        return self.transitions[-1].detail

    @property
    def is_ended(self) -> bool:
        return self.transitions[-1].detail["status"] in ("SUCCEEDED", "FAILED")


class _Living:
    """Job that makes transitions."""

    def __init__(self, random: Random, life: Life) -> None:
        self.random, self.life = random, life
        self.now = START
        self.attempts: list[dict[str, Any]] = []
        self.preempted: list[dict[str, Any]] = []
        self.started: int | None = None
        self.resource = ""
        self.seconds = 0.0

    def wait(self) -> None:
        self.now += self.random.choice(_STEPS)

    def move(self, status: str, reason: str = "", public: str = "") -> None:
        """Add a transition, and what the line has after it."""
        life, is_ended = self.life, status in ("SUCCEEDED", "FAILED")
        detail: dict[str, Any] = {
            "jobName": life.name,
            "jobId": life.job_id,
            "jobArn": f"arn:aws:batch:{life.region}:111122223333:job/{life.job_id}",
            "status": status,
            "createdAt": START,
            "attempts": [dict(attempt) for attempt in self.attempts],
        }
        if reason:
            detail["statusReason"] = reason
        if self.started is not None:
            detail["startedAt"] = self.started
        if is_ended:
            detail["stoppedAt"] = self.now
        if life.kind == "service" and self.resource:
            detail["latestAttempt"] = {"serviceResourceId": {"name": "TrainingJobArn", "value": self.resource}}
        if self.preempted:
            detail["preemptionSummary"] = {
                "preemptedAttemptCount": len(self.preempted),
                "recentPreemptedAttempts": self.preempted[::-1],
            }
        if life.kind == "array":
            detail["container"] = {"command": ["python", "train.py", SECRET], "image": "image"}
            if life.child is not None:
                detail["arrayProperties"] = {"index": life.child, "size": 0}
            elif life.size > 1:
                detail["arrayProperties"] = {"size": life.size, "statusSummary": {}}
        fields = {
            "state": status,
            "job_id": life.job_id,
            "attempts": len(self.attempts) + len(self.preempted) + (status in ("STARTING", "RUNNING")),
            "run_seconds": round(self.seconds, 3),
            "status_reason": public or None,
            "started_at": self.started,
            "stopped_at": self.now if is_ended else None,
            "training_job": self.resource.rpartition("/")[2] or None,
        }
        life.transitions.append(Transition(self.now, detail, fields))

    def begin_attempt(self, number: int) -> None:
        """Start an attempt."""
        if self.life.kind == "service":
            self.resource = (
                f"arn:aws:sagemaker:{self.life.region}:111122223333:training-job/{self.life.digest}-{number}"
            )
            self.wait()
            self.move("SCHEDULED")
        self.wait()
        self.move("STARTING")
        self.wait()
        self.started = self.now
        self.move("RUNNING")

    def end_attempt(self, reason: str = "") -> dict[str, Any]:
        """End the attempt that runs, and return it."""
        assert self.started is not None
        self.seconds += (self.now - self.started) / 1000
        attempt: dict[str, Any] = {"startedAt": self.started, "stoppedAt": self.now}
        if reason:
            attempt["statusReason"] = reason
        if self.life.kind == "service":
            attempt["serviceResourceId"] = {"name": "TrainingJobArn", "value": self.resource}
        return attempt


def live(random: Random, life: Life) -> None:
    """Let a job live: it may still wait or run at the end."""
    job = _Living(random, life)
    job.wait()
    job.move("RUNNABLE")
    for number in range(1, random.randint(1, 3) + 1):
        if random.random() < 0.1:
            job.wait()
            job.move("FAILED", "Terminated by a person", "Terminated by a person")
            return
        if random.random() < 0.15:
            return
        job.begin_attempt(number)
        if random.random() < 0.15:
            return
        job.wait()
        draw = random.random()
        if draw < 0.4:
            job.attempts.append(job.end_attempt())
            job.move("SUCCEEDED")
            return
        if draw < 0.6 and life.kind == "service":
            job.preempted.append(job.end_attempt())
            job.move("RUNNABLE")
            continue
        reason = public = "Essential container in task exited"
        if life.kind == "service":
            reason = f"Received status from SageMaker: AlgorithmError: python train.py {SECRET}, exit code: 7"
            public = "Received status from SageMaker: AlgorithmError, exit code 7"
        job.attempts.append(job.end_attempt(reason))
        is_last = number == 3 or random.random() < 0.5
        job.move("FAILED" if is_last else "RUNNABLE", reason, public)
        if is_last:
            return


def live_array(random: Random, digest: str, size: int) -> list[Life]:
    """Return the life of an array job and those of its children."""
    parent = Life(digest, f"array-{digest}", "array", size=size)
    children = [Life(digest, f"{parent.job_id}:{child}", "array", child) for child in range(size)]
    for child in children:
        live(random, child)
    job = _Living(random, parent)
    job.wait()
    job.move("PENDING")
    if all(child.is_ended for child in children):
        job.now = max(child.transitions[-1].time for child in children)
        succeeded = all(child.description["status"] == "SUCCEEDED" for child in children)
        job.move("SUCCEEDED" if succeeded else "FAILED")
    return [parent, *children]


def random_lives(random: Random) -> list[Life]:
    """Return the lives of a few jobs of all kinds."""
    lives: list[Life] = []
    for number in range(random.randint(1, 4)):
        digest = f"{number:032x}"
        if random.random() < 0.3:
            lives += live_array(random, digest, random.randint(2, 4))
        else:
            lives.append(Life(digest, f"job-{number}", random.choice(["service", "service", "array"])))
            live(random, lives[-1])
    return lives


def event_of(life: Life, transition: Transition) -> dict[str, Any]:
    """Return the event of a transition: AWS gives its time in seconds."""
    moment = datetime.fromtimestamp(transition.time // 1000, UTC)
    kind = "Service Job" if life.kind == "service" else "Job"
    return {
        "source": "aws.batch",
        "detail-type": f"Batch {kind} State Change",
        "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "detail": transition.detail,
    }


def deliveries(random: Random, lives: list[Life]) -> Iterator[tuple[Life, int]]:
    """Yield the events that arrive, as a life and the number of its transition: shuffled, doubled, some missing."""
    events = [(life, number) for life in lives for number in range(len(life.transitions))]
    lost = random.choice([0, 0.2, 0.7])
    arriving = [event for event in events for _ in range(random.choice([1, 1, 2])) if random.random() >= lost]
    random.shuffle(arriving)
    yield from arriving
