"""`fairlane local advance`, `jobs`, `history`, `capacity-shortage` and `notifications`, and the options of `start`."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlane.cli import main
from fairlane.rehearsal import read_trace
from fairlane_local import LocalAws, client
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.clock import Clock
from tests.fairlane.cli.test_local import OUTLIVES, free_port

LOCATION = ("123456789012", "us-east-1")
TRAINING = "SAGEMAKER_TRAINING"
PAYLOAD = '{"ResourceConfig": {"InstanceCount": 4}}'
QUEUE = "region: us-east-1\nqueues:\n  training: {capacity: 7, scheduling: {policy: fifo}}\n"


@pytest.fixture
def port() -> Iterator[int]:
    """Return the port of a local AWS in this process with a manual clock and a queue for seven instances."""
    with LocalAws(clock=Clock(None), options=JobOptions(throttle=False)) as aws:
        create_queue(aws.port)
        yield aws.port


def create_queue(port: int) -> None:
    batch = client("batch", port, *LOCATION)
    limits = [{"maxCapacity": 7, "capacityUnit": "NUM_INSTANCES"}]
    batch.create_service_environment(serviceEnvironmentName="e", serviceEnvironmentType=TRAINING, capacityLimits=limits)
    order = [{"order": 1, "serviceEnvironment": "e"}]
    batch.create_job_queue(jobQueueName="training", jobQueueType=TRAINING, priority=1, serviceEnvironmentOrder=order)


def submit(port: int, number: int = 1) -> None:
    batch = client("batch", port, *LOCATION)
    request = {"jobQueue": "training", "serviceJobType": TRAINING, "serviceRequestPayload": PAYLOAD}
    for index in range(number):
        batch.submit_service_job(jobName=f"job-{index}", **request)


def run(capfd: pytest.CaptureFixture[str], *arguments: str, port: int) -> tuple[int, str, str]:
    code = main(["local", *arguments, "--port", str(port)])
    output = capfd.readouterr()
    return code, output.out, output.err


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in table.splitlines()[3:]]


def test_the_table_of_jobs_shows_the_newest_first_and_why_they_wait(
    port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(capfd, "jobs", "training", port=port)[1] == "The queue training has no jobs.\n"
    submit(port, 3)
    assert run(capfd, "advance", "90", port=port)[0] == 0
    code, out, _ = run(capfd, "jobs", "training", port=port)
    assert code == 0
    assert out.splitlines()[0].strip() == "Jobs of training"
    assert out.splitlines()[1].split() == ["Job", "Share", "Status", "Priority", "Instances", "Waited", "Reason"]
    assert rows(out) == [
        ["job-2", "RUNNABLE", "4", "1 min 30 s", "too little capacity is free"],
        ["job-1", "RUNNING", "4", "1 min"],
        ["job-0", "SUCCEEDED", "4", "0 s", "Received status from SageMaker: Completed"],
    ]


def test_a_long_list_is_cut(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    submit(port, 102)
    out = run(capfd, "jobs", "training", port=port)[1]
    assert out.count("job-") >= 100
    assert "job-101 " in out
    assert "job-1 " not in out.replace("job job-1 ", "")
    assert out.endswith("Older jobs that are not listed: 2\n")


@pytest.mark.parametrize(
    ("text", "elapsed"), [("90", "1 min 30 s"), ("90s", "1 min 30 s"), ("5m", "5 min"), ("2h", "2 h"), ("1d", "1 d")]
)
def test_the_clock_advances_by_a_duration(
    port: int, text: str, elapsed: str, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capfd, "advance", text, port=port)
    assert code == 0
    assert out.endswith(f" UTC, {elapsed} after the start.\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["advance", "-90"], "got '-90', allowed: a duration such as 90, 90s, 5m, 2h or 1d, at most 3650d"),
        (["advance", "2 hours"], "got '2 hours', allowed: a duration such as"),
        (["advance", "1.5h"], "got '1.5h', allowed: a duration"),
        (["advance", "3651d"], "got '3651d', allowed: a duration"),
        (["capacity-shortage", "p4"], "got 'p4', allowed: an instance type such as ml.p4d.24xlarge"),
        (["start", "--speed", "0"], "got '0', allowed: a number above 0"),
        (["start", "--speed", "nan"], "got 'nan', allowed: a number above 0"),
        (["start", "--speed", "60", "--clock", "manual"], "not allowed with argument --speed"),
        (["start", "--clock", "fast"], "invalid choice: 'fast'"),
        (["start", "--pass-seconds", "0"], "got '0', allowed: a whole number, 1 or more"),
        (["start", "--run-seconds", "1.5"], "got '1.5', allowed: a whole number, 1 or more"),
        (["start", "--start-up-seconds", "x"], "got 'x', allowed: a whole number, 0 or more"),
    ],
)
def test_a_wrong_argument_is_refused(arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(["local", *arguments])
    assert exit_info.value.code == 2
    assert message in capfd.readouterr().err


def test_the_history_is_a_trace_that_rehearse_reads(
    port: int, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    submit(port, 3)
    run(capfd, "advance", "2m", port=port)
    submit(port, 1)
    run(capfd, "advance", "70", port=port)
    file = tmp_path / "history.csv"
    code, out, err = run(capfd, "history", "training", "--output", str(file), port=port)
    assert (code, out) == (0, f"Wrote 3 jobs: {file}\n")
    assert err == "training: left out: jobs that have not ended (1)\n"
    trace = read_trace(file)
    assert [(job.name, job.instances, job.run, job.submit - trace[0].submit) for job in trace] == [
        ("job-0", 4, 60, 0),
        ("job-1", 4, 60, 0),
        ("job-2", 4, 60, 0),
    ]
    (tmp_path / "example.yaml").write_text(QUEUE)
    arguments = ["rehearse", str(tmp_path / "example.yaml"), "--queue", "training", "--trace", str(file)]
    assert main(arguments) == 0


def test_a_history_keeps_shares_types_and_priorities_and_the_last_run_of_preempted_jobs(
    port: int, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    batch = client("batch", port, *LOCATION)
    p4 = "ml.p4d.24xlarge"
    limits = [{"maxCapacity": 4, "capacityUnit": p4}]
    batch.create_service_environment(serviceEnvironmentName="q", serviceEnvironmentType=TRAINING, capacityLimits=limits)
    policy = batch.create_scheduling_policy(name="q", quotaSharePolicy={"idleResourceAssignmentStrategy": "FIFO"})
    order = [{"order": 1, "serviceEnvironment": "q"}]
    batch.create_job_queue(
        jobQueueName="quotas",
        jobQueueType=TRAINING,
        priority=1,
        serviceEnvironmentOrder=order,
        schedulingPolicyArn=policy["arn"],
    )
    batch.create_quota_share(
        quotaShareName="team",
        jobQueue="quotas",
        capacityLimits=limits,
        resourceSharingConfiguration={"strategy": "LEND"},
        preemptionConfiguration={"inSharePreemption": "ENABLED"},
    )
    payload = f'{{"ResourceConfig": {{"InstanceCount": 4, "InstanceType": "{p4}"}}}}'
    for name, priority in (("low", 1), ("high", 7)):
        batch.submit_service_job(
            jobName=name,
            jobQueue="quotas",
            serviceJobType=TRAINING,
            quotaShareName="team",
            schedulingPriority=priority,
            serviceRequestPayload=payload,
        )
        run(capfd, "advance", "30", port=port)
    out = run(capfd, "jobs", "quotas", port=port)[1]
    assert "In-share preemption triggered" in out
    run(capfd, "advance", "1h", port=port)
    file = tmp_path / "history.csv"
    run(capfd, "history", "quotas", "--output", str(file), port=port)
    with file.open() as lines:
        jobs = {row["name"]: row for row in csv.DictReader(lines)}
    assert [(job["share"], job["priority"], job["instance_type"], job["run"]) for job in jobs.values()] == [
        ("team", "1", p4, "60"),
        ("team", "7", p4, "60"),
    ]


@pytest.mark.parametrize("command", [["jobs", "other"], ["history", "other"]])
def test_an_unknown_queue_is_an_error(command: list[str], port: int, capfd: pytest.CaptureFixture[str]) -> None:
    message = "fairlane: the local AWS has no queue other; its queues: training\n"
    assert run(capfd, *command, port=port) == (1, "", message)


def test_a_history_without_jobs_that_ended_is_an_error(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    submit(port)
    code, out, err = run(capfd, "history", "training", port=port)
    assert (code, out) == (1, "")
    assert "no job in the list can be used (jobs that never ran (1))" in err


def test_the_messages_to_topics_are_listed_with_their_subscribers(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(capfd, "notifications", port=port) == (0, "No message was sent to an SNS topic.\n", "")
    sns = client("sns", port, *LOCATION)
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="team@example.com")
    sns.publish(TopicArn=topic, Subject="ALARM: [first]", Message="text")
    code, out, _ = run(capfd, "notifications", port=port)
    assert code == 0
    assert out.splitlines()[1].split() == ["Time", "Topic", "Subject", "Subscribers"]
    assert [row[1:] for row in rows(out)] == [["alarms", "ALARM: [first]", "email:team@example.com"]]


def test_a_capacity_shortage_starts_and_ends(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    started = "The capacity shortage of ml.p5.48xlarge has started.\nShortages: ml.p5.48xlarge\n"
    assert run(capfd, "capacity-shortage", "ml.p5.48xlarge", port=port) == (0, started, "")
    ended = "The capacity shortage of ml.p5.48xlarge has ended.\n"
    assert run(capfd, "capacity-shortage", "ml.p5.48xlarge", "--end", port=port) == (0, ended, "")
    assert run(capfd, "capacity-shortage", "ml.p5.48xlarge", "--end", port=port)[0] == 1


@pytest.mark.parametrize("command", [["advance", "1"], ["jobs", "a"], ["history", "a"], ["capacity-shortage", "a.b"]])
def test_a_command_without_a_local_aws_is_an_error(
    command: list[str], capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    message = "fairlane: no local AWS is running on port 4641: run fairlane local start --port 4641\n"
    assert run(capfd, *command, port=4641) == (1, "", message)


@pytest.mark.slow
@OUTLIVES
def test_the_options_of_start_reach_the_background_process(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    port = free_port()
    options = ["--clock", "manual", "--run-seconds", "600", "--start-up-seconds", "30", "--pass-seconds", "10"]
    try:
        assert run(capfd, "start", *options, "--no-throttle", port=port)[0] == 0
        code, _, err = run(capfd, "start", "--speed", "60", port=port)
        assert code == 1
        assert err.endswith("its clock and jobs cannot be changed: run fairlane local stop first\n")
        assert run(capfd, "start", port=port)[0] == 0
        create_queue(port)
        run(capfd, "advance", "1", port=port)
        submit(port, 10)
        for seconds, status in (("9", "RUNNABLE"), ("1", "STARTING"), ("30", "RUNNING"), ("600", "SUCCEEDED")):
            run(capfd, "advance", seconds, port=port)
            assert rows(run(capfd, "jobs", "training", port=port)[1])[-1][1] == status
    finally:
        run(capfd, "stop", port=port)
