"""Jobs of the example environment with lending, borrowing and a preemption, on a manual clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from moto.cloudwatch.models import cloudwatch_backends
from moto.logs.models import logs_backends

from fairlane.environment import load_environment
from fairlane.scheduler import hours, minutes
from fairlane_local.batch.api import BatchApi, batch_api
from fairlane_local.batch.jobs.job import Job, ServiceJob
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.clock import Clock
from fairlane_local.server.access import ACCOUNT_ID
from fairlane_local.server.local_aws import LocalAws
from fairlane_local.testing.environment_file import deploy_environment
from tests.fairlane_local.batch.jobs.support import payload
from tests.support import REPOSITORY

REGION = "us-east-1"
START = 1_772_442_000
"""Monday 2 March 2026, 09:00 UTC."""


DASHBOARD = REPOSITORY / "tests" / "fairlane" / "preview" / "dashboard.json"


class Story:
    """Local AWS with the queues of the example environment, to which a test submits jobs."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        environment = load_environment(REPOSITORY / "environments" / "example.yaml")
        deploy_environment(environment, ACCOUNT_ID)

    @property
    def api(self) -> BatchApi:
        return batch_api(ACCOUNT_ID, REGION)

    def train(self, queue: str, share: str, name: str, size: int = 1, run: float = 3600, priority: int = 0) -> Job:
        """Submit a training job, and return it."""
        quota = queue in ("training-p4", "training-p5")
        types = {"training-p4": "ml.p4d.24xlarge", "training-p5": "ml.p5.48xlarge", "cpu": "ml.c5.xlarge"}
        request = {
            "jobName": name,
            "jobQueue": queue,
            "serviceJobType": "SAGEMAKER_TRAINING",
            "serviceRequestPayload": payload(size, types.get(queue, "ml.g6.12xlarge")),
            "schedulingPriority": priority,
            "tags": {"fairlane:run-seconds": str(int(run))},
            **({"quotaShareName" if quota else "shareIdentifier": share} if share else {}),
        }
        return self._find(self.api.call("SubmitServiceJob", request)["jobId"])

    def run(self, share: str, name: str, vcpus: int, run: float = 3600) -> Job:
        """Submit a container job to gpu-g5, and return it."""
        definition = {"jobDefinitionName": "train", "type": "container", "containerProperties": CONTAINER}
        arn = self.api.call("RegisterJobDefinition", definition)["jobDefinitionArn"]
        requirements = [{"type": "VCPU", "value": str(vcpus)}, {"type": "MEMORY", "value": "16000"}]
        request = {
            "jobName": name,
            "jobQueue": "gpu-g5",
            "jobDefinition": arn,
            "shareIdentifier": share,
            "schedulingPriorityOverride": 1,
            "containerOverrides": {"resourceRequirements": requirements},
            "tags": {"fairlane:run-seconds": str(int(run))},
        }
        return self._find(self.api.call("SubmitJob", request)["jobId"])

    def log(self, job: Job, *lines: str) -> None:
        """Write lines to the first log stream of a job that runs."""
        assert job.attempt
        name = job.attempt.resource.rpartition("/")[2]
        group = "/aws/sagemaker/TrainingJobs" if isinstance(job, ServiceJob) else "/aws/batch/job"
        streams = logs_backends[ACCOUNT_ID][REGION].groups[group].streams
        stream = next(stream for stream in streams.values() if name in stream.log_stream_name)
        now = self.aws.timeline.milliseconds
        stream.put_log_events([{"timestamp": now + index, "message": line} for index, line in enumerate(lines)])

    def alarm(self, name: str, state: str, reason: str) -> None:
        """Create an alarm in a state. An alarm with an empty state has not been evaluated."""
        cloudwatch = cloudwatch_backends[ACCOUNT_ID][REGION]
        alarm = cloudwatch.put_metric_alarm(
            name=name,
            namespace="Fairlane/Jobs",
            metric_name="OldestRunnableAge",
            comparison_operator="GreaterThanThreshold",
            evaluation_periods=1,
            period=60,
            threshold=3600,
            statistic="Maximum",
            description="",
            dimensions=[],
            alarm_actions=[],
        )
        if state:
            alarm.update_state(reason, "{}", state)

    def _find(self, job_id: str) -> Job:
        job = self.api.lifecycle.jobs.find(job_id)
        assert job is not None
        return job

    def tell(self) -> None:
        """Lend, borrow, preempt, and stop in the middle of a morning."""
        for number in range(1, 10):
            self.train("training-p4", "ProdExp2", f"vision-sweep-{number:02}", 8, hours(6))
        for number, size in enumerate((2, 4, 4, 2, 2), 1):
            self.train("training-p5", "ProdExp1", f"llm-pretrain-{number}", size, hours(9))
        for number in range(1, 7):
            self.train("training-g6", "HIGHPRI", f"ranker-{number}", 2, hours(2))
            self.train("training-g6", "LOWPRI", f"ablation-{number}", 1, hours(3))
        for number in range(1, 5):
            self.train("training-g6", "MIDPRI", f"embeddings-{number}", 1, hours(2))
        for number in range(1, 8):
            self.train("cpu", "", f"tokenize-{number:02}", 2, minutes(50))
        for number in range(1, 8):
            self.run("research", f"rl-agent-{number}", 96, hours(5))
        for number in range(1, 4):
            self.run("sweeps", f"grid-{number}", 48, hours(4))
        self.aws.timeline.advance(minutes(72))
        owners = [
            self.train("training-p4", "ProdExp1", f"search-ranking-{number}", size, hours(4), priority=number)
            for number, size in enumerate((16, 16), 1)
        ]
        self.train("training-p5", "ProdExp2", "speech-base", 6, hours(4))
        self.run("production", "fraud-model", 288, hours(3))
        self.aws.timeline.advance(minutes(6))
        running = owners[-1]
        losses = [f"step {step} loss {2.31 - step / 400:.3f}" for step in range(0, 400, 20)]
        self.log(running, "restored checkpoint at step 0", *losses)
        self.alarm("training-p4-oldest-wait", "ALARM", "Threshold crossed: a job waits for longer than 1 hour")
        for name in ("training-p4-starved-share", "training-p5-oldest-wait", "gpu-g5-failure-rate"):
            self.alarm(name, "OK", "The metric is below the threshold")
        self.alarm("gpu-p5-idle-capacity", "INSUFFICIENT_DATA", "No data")
        cloudwatch_backends[ACCOUNT_ID][REGION].put_dashboard("fairlane-example", DASHBOARD.read_text())


CONTAINER = {
    "image": "image",
    "command": ["train"],
    "resourceRequirements": [{"type": "VCPU", "value": "4"}, {"type": "MEMORY", "value": "16000"}],
}


@contextmanager
def story() -> Iterator[Story]:
    """Start a local AWS with a manual clock and the queues of the example environment."""
    with patch("fairlane_local.clock.time.time", return_value=float(START)):
        clock = Clock(None)
    with LocalAws(clock=clock, options=JobOptions(throttle=False)) as aws:
        yield Story(aws)
