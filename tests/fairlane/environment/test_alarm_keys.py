"""Alarms and dashboards in an environment file: settings, and mistakes with their line and key."""

from pathlib import Path

import pytest

from fairlane import ConfigurationError
from fairlane.environment import load_environment
from fairlane.monitoring.alarms import ExporterStale, FailureRate, OldestWait

TARGETS = (
    "allowed: an email address, an https:// URL, or the ARN of an SNS topic (arn:aws:sns:REGION:ACCOUNT:TOPIC), a Lambda "
    "function (arn:aws:lambda:REGION:ACCOUNT:function:NAME), an Incident Manager response plan "
    "(arn:aws:ssm-incidents::ACCOUNT:response-plan/NAME), an OpsItem (arn:aws:ssm:REGION:ACCOUNT:opsitem:SEVERITY, "
    "severity 1 to 4) or an investigation (arn:aws:aiops:REGION:ACCOUNT:investigation-group/ID)"
)
FILE = """
region: us-east-1
job_metrics: {interval_minutes: 10}
queues:
  q: {capacity: 4, scheduling: {policy: fair-share, weight_factors: {a: 1, b: 1}}}
  other:
    capacity: 1
    scheduling: {policy: fifo}
    alarms: {failure_rate: {Page: {percent: 10}}, blocked: {}}
alarms:
  notify: {Warning: [gpus@example.com], Page: []}
  oldest_wait: {Warning: {hours: 2}}
  starved_share: {}
  stale: {Critical: {minutes: 30}}
dashboard:
  percentiles: [50, 99]
  teams: {vision: {q: [a]}}
"""


def write(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in FILE
    path = folder / "prod.yaml"
    path.write_text(FILE.replace(old, new, 1))
    return path


def test_limits_of_a_queue_override_the_common_limits_and_the_defaults(tmp_path: Path) -> None:
    environment = load_environment(write(tmp_path))
    assert environment.alarms is not None
    common = environment.alarms.queue_limits
    assert common.oldest_wait == {"Warning": OldestWait(hours=2)}
    assert common.starved_share == {}
    assert common.blocked is None
    alarms = environment.queues["other"].alarms
    assert alarms is not None
    own = alarms.with_fallback(common)
    assert own.failure_rate == {"Page": FailureRate(percent=10)}
    assert (own.blocked, own.oldest_wait) == ({}, common.oldest_wait)


@pytest.mark.parametrize(
    ("old", "new", "problems"),
    [
        (
            "hours: 2",
            "hours: 0.1",
            [
                "line 12, alarms.oldest_wait.Warning.hours: 0.1 hours is shorter than the polling interval of 10 minutes: "
                "use 10 minutes or more"
            ],
        ),
        (
            "hours: 2",
            "minutes: 5",
            ["line 12, alarms.oldest_wait.Warning.minutes: unknown key; use hours"],
        ),
        (
            "stale: {Critical: {minutes: 30}}",
            "fan_out_stalled: {Warning: {minutes: 1}}",
            ["line 14, alarms.fan_out_stalled.Warning.minutes: got 1, allowed: a whole number of minutes, 15 to 1440"],
        ),
        ("{hours: 2}", "2", ["line 12, alarms.oldest_wait.Warning: got 2, allowed: a mapping"]),
        (
            "oldest_wait: {",
            "oldest_wait: {not bad: {hours: 9}, ",
            [
                "line 12, alarms.oldest_wait.\"not bad\": got 'not bad', allowed: a severity of 1 to 32 letters and digits "
                "that starts with a letter and is not Queues, for example Warning"
            ],
        ),
        (
            "starved_share: {}",
            "starved_share: {Warning: {shares: [a, c]}}",
            ["line 13, alarms.starved_share.Warning.shares[1]: got 'c', allowed: a share of queues q, other: a, b"],
        ),
        (
            "blocked: {}",
            "starved_share: {Warning: {shares: [a]}}",
            [
                "line 9, queues.other.alarms.starved_share.Warning.shares[0]: queue other has no shares for this alarm: "
                "remove a"
            ],
        ),
        (
            "starved_share: {}",
            "blocked: {Warning: {reasons: [Other, MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT]}}",
            [
                "line 13, alarms.blocked.Warning.reasons[1]: got 'MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT', allowed: a "
                "reason of queue q: CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY, MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED, "
                "MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE, Other"
            ],
        ),
        (
            "[gpus@example.com]",
            "['arn:aws:sns:eu-west-1:111122223333:alerts', 'arn:aws:sns:us-east-1:111122223333:alerts']",
            [
                "line 11, alarms.notify.Warning[0]: got 'arn:aws:sns:eu-west-1:111122223333:alerts', allowed: an ARN "
                "in us-east-1, the Region of the alarms"
            ],
        ),
        (
            "[gpus@example.com]",
            "['arn:aws:lambda:eu-west-1:111122223333:function:page', 'arn:aws:ssm:us-east-1:111122223333:opsitem:5']",
            [
                "line 11, alarms.notify.Warning[0]: got 'arn:aws:lambda:eu-west-1:111122223333:function:page', allowed: an "
                "ARN in us-east-1, the Region of the alarms",
                f"line 11, alarms.notify.Warning[1]: got 'arn:aws:ssm:us-east-1:111122223333:opsitem:5', {TARGETS}",
            ],
        ),
        (
            "[gpus@example.com]",
            f"[a@example.com, b@example.com, {', '.join(f'arn:aws:sns:us-east-1:111122223333:t{n}' for n in range(5))}]",
            [
                "line 11, alarms.notify.Warning: an alarm has at most 5 targets, all addresses together count as one: "
                "remove 1 of 6"
            ],
        ),
        (
            "percent: 10}}",
            "percent: 10}, Panic: null}",
            [
                "line 9, queues.other.alarms.failure_rate.Panic: there is no limit to remove: failure_rate has limits of "
                "Warning"
            ],
        ),
        (
            "oldest_wait: {Warning: {hours: 2}}",
            "oldest_wait: {Warning: off}",
            ["line 12, alarms.oldest_wait.Warning: got 'off', allowed: a mapping"],
        ),
        (
            "starved_share: {}",
            "runbooks: our wiki",
            ["line 13, alarms.runbooks: got 'our wiki', allowed: an address of at most 500 characters without spaces"],
        ),
        (
            "minutes: 30",
            "minutes: 19",
            [
                "line 14, alarms.stale.Critical.minutes: 19 minutes is shorter than two polling intervals of 10 minutes: "
                "use 20 minutes or more"
            ],
        ),
        (
            "[gpus@example.com]",
            "[gpus at example.com]",
            [f"line 11, alarms.notify.Warning[0]: got 'gpus at example.com', {TARGETS}"],
        ),
        (
            "Page: []",
            "Panic: []",
            ["line 11, alarms.notify.Panic: got 'Panic', allowed: a severity of these alarms: Warning, Critical, Page"],
        ),
        (
            "percent: 10}",
            "percent: 100}",
            ["line 9, queues.other.alarms.failure_rate.Page.percent: got 100, allowed: a number, 0.1 to 99.9"],
        ),
        (
            "99]",
            "101]",
            [
                "line 16, dashboard.percentiles[1]: got 101, allowed: a percentile: a number above 0, up to 100, with at most 10 decimals"
            ],
        ),
        (
            "{q: [a]}",
            "{p: [a]}",
            ["line 17, dashboard.teams.vision.p: got 'p', allowed: a queue with job_metrics: q, other"],
        ),
        ("{q: [a]}", "{q: [z]}", ["line 17, dashboard.teams.vision.q[0]: got 'z', allowed: a share of queue q: a, b"]),
        (
            "{vision: ",
            "{vision team: ",
            [
                "line 17, dashboard.teams.\"vision team\": got 'vision team', allowed: 1 to 64 characters of A-Z, a-z, 0-9, - and _"
            ],
        ),
        (
            "job_metrics: {interval_minutes: 10}\n",
            "",
            [
                "line 8, queues.other.alarms: alarms require job_metrics in the same Region",
                "line 9, alarms: alarms require job_metrics, hyperpod, images, replicated images or schedules in the same Region",
                "line 16, dashboard.teams.vision.q: no queue has job_metrics in its Region: add job_metrics",
            ],
        ),
        (
            "dashboard:",
            "monitoring_cost_limit: 0\ndashboard:",
            ["line 15, monitoring_cost_limit: got 0, allowed: a number, 0.01 to 1000000000"],
        ),
        (
            "  starved_share: {}",
            "  starved_share: {}\n  hyperpod_failed: {Critical: {minutes: 5}}",
            ["line 14, alarms.hyperpod_failed.Critical.minutes: unknown key; use {}, because the mapping has no keys"],
        ),
        (
            "job_metrics: {interval_minutes: 10}",
            "job_metrics: {interval_minutes: 10, stacks: 0}",
            ["line 3, job_metrics.stacks: got 0, allowed: a whole number, 1 to 50"],
        ),
    ],
)
def test_a_mistake_is_reported_with_its_line_and_key(tmp_path: Path, old: str, new: str, problems: list[str]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_environment(write(tmp_path, old, new))
    assert [str(problem) for problem in raised.value.problems] == problems


@pytest.mark.parametrize("interval", [15, 31, 60])
def test_default_limits_are_valid_for_long_polling_intervals(tmp_path: Path, interval: int) -> None:
    path = write(tmp_path, "job_metrics: {interval_minutes: 10}", f"job_metrics: {{interval_minutes: {interval}}}")
    path.write_text(path.read_text().replace("stale: {Critical: {minutes: 30}}", "truncated: {}"))
    environment = load_environment(path)
    assert environment.alarms is not None
    limits = environment.alarms.exporter_limits.limits(interval)
    assert ("stale", "Critical", ExporterStale(minutes=2 * interval)) in list(limits)


def test_a_share_of_at_least_one_queue_is_accepted(tmp_path: Path) -> None:
    load_environment(write(tmp_path, "starved_share: {}", "starved_share: {Warning: {shares: [a]}}"))


IMAGES = """
region: us-east-1
images: {training/pytorch: {regions: [us-west-2]}}
alarms: {notify: [gpus@example.com]}
regions:
  us-west-2:
    alarms: {notify: ['arn:aws:sns:us-west-2:111122223333:alerts']}
"""


def image_mistakes(folder: Path, old: str, new: str) -> list[str]:
    assert old in IMAGES
    path = folder / "prod.yaml"
    path.write_text(IMAGES.replace(old, new))
    try:
        load_environment(path)
    except ConfigurationError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_alarms_on_images_are_accepted_in_source_and_destination_regions(tmp_path: Path) -> None:
    assert image_mistakes(tmp_path, "", "") == []


def test_alarms_without_metrics_and_images_are_refused(tmp_path: Path) -> None:
    assert image_mistakes(tmp_path, "regions: [us-west-2]", "regions: [eu-west-1]") == [
        "line 7, regions.us-west-2.alarms: alarms require job_metrics, hyperpod, images, replicated images or schedules in the same Region"
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("gpus@", "gpus at ", "line 4, alarms.notify[0]: got 'gpus at example.com', allowed: an email address"),
        ("sns:us-west-2", "sns:us-east-1", "line 7, regions.us-west-2.alarms.notify[0]: got 'arn:aws:sns:us-east-1"),
    ],
)
def test_targets_of_notifications_are_checked_without_metrics(tmp_path: Path, old: str, new: str, problem: str) -> None:
    (mistake,) = image_mistakes(tmp_path, old, new)
    assert mistake.startswith(problem)


@pytest.mark.parametrize(
    ("common", "own", "expected"),
    [
        ("{Warning: {hours: 2}}", "", {"Warning": OldestWait(hours=2), "Critical": OldestWait(hours=24)}),
        ("{Critical: null}", "", {"Warning": OldestWait()}),
        ("{Critical: null, Warning: null}", "", {}),
        ("{}", "", {}),
        ("{}", "{Warning: {hours: 5}}", {"Warning": OldestWait(hours=5)}),
        (
            "{Warning: {hours: 2}}",
            "{Warning: {hours: 5}}",
            {"Warning": OldestWait(hours=5), "Critical": OldestWait(hours=24)},
        ),
        ("{Warning: {hours: 2}}", "{Critical: null}", {"Warning": OldestWait(hours=2)}),
        ("{Page: {hours: 2}}", "{Page: null, Warning: null}", {"Critical": OldestWait(hours=24)}),
        ("{Critical: null}", "{Critical: {hours: 9}}", {"Warning": OldestWait(), "Critical": OldestWait(hours=9)}),
        ("{Warning: {hours: 2}}", "{}", {}),
    ],
)
def test_a_severity_that_is_not_listed_keeps_the_limit_of_the_region_and_then_the_default(
    tmp_path: Path, common: str, own: str, expected: dict[str, OldestWait]
) -> None:
    text = FILE.replace("blocked: {}", f"oldest_wait: {own}" if own else "blocked: {}")
    path = tmp_path / "prod.yaml"
    path.write_text(text.replace("  oldest_wait: {Warning: {hours: 2}}", f"  oldest_wait: {common}"))
    environment = load_environment(path)
    assert environment.alarms is not None
    alarms = environment.queues["other"].alarms
    assert alarms is not None
    limits = alarms.with_fallback(environment.alarms.queue_limits).limits(10)
    assert {severity: limit for kind, severity, limit in limits if kind == "oldest_wait"} == expected


def test_functions_incidents_and_other_actions_are_targets(tmp_path: Path) -> None:
    targets = [
        "arn:aws:lambda:us-east-1:111122223333:function:page:live",
        "arn:aws:ssm-incidents::111122223333:response-plan/gpu",
        "arn:aws:ssm:us-east-1:111122223333:opsitem:2#CATEGORY=Performance",
        "arn:aws:aiops:us-east-1:111122223333:investigation-group/a1",
        "gpus@example.com",
        "more@example.com",
    ]
    environment = load_environment(write(tmp_path, "[gpus@example.com]", str(targets)))
    assert environment.alarms is not None
    assert environment.alarms.targets([])["Warning"] == targets
