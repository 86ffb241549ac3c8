"""Mistakes in `submitters`, `managers` and `observers` of an environment file."""

from pathlib import Path
from textwrap import dedent, indent

import pytest

from fairlane import ConfigurationError
from fairlane.environment import load_environment

ROLE = "arn:aws:iam::123456789012:role"
FILE = """\
region: us-east-1
account: "123456789012"
execution_roles: {search: {}}
network: {}
compute_environments: {g5: {instance_types: [g5.12xlarge], max_gpus: 16}}
job_definitions:
  train: {image: training:1, command: [train], instance_type: g5.12xlarge, gpus: 1, queues: [containers]}
queues:
  fifo: {capacity: 1, scheduling: {policy: fifo}}
  quotas:
    capacity: {ml.p5.48xlarge: 2}
    scheduling:
      policy: quota-management
      shares: {vision: {capacity: {ml.p5.48xlarge: 2}, sharing: LEND}}
  idle:
    compute_environments: [g5]
    scheduling: {policy: fifo}
  containers:
    compute_environments: [g5]
    scheduling: {policy: fair-share, proportions: {vision: 1}}
  training:
    capacity: 4
    scheduling: {policy: fair-share, proportions: {vision: 2, "lang-*": 1}}
"""


def problems_of(folder: Path, text: str) -> list[str]:
    file = folder / "prod.yaml"
    file.write_text(text)
    try:
        load_environment(file)
    except ConfigurationError as error:
        return [str(problem).partition(", ")[2] for problem in error.problems]
    return []


def with_grantees(queue: str, text: str) -> str:
    """Return a file with keys at the end of a queue."""
    head, found, tail = FILE.partition(f"  {queue}: {{capacity: 1, scheduling: {{policy: fifo}}}}\n")
    if found:
        keys = indent(f"capacity: 1\nscheduling: {{policy: fifo}}\n{text}\n", "    ")
        return f"{head}  {queue}:\n{keys}{tail}"
    head, found, tail = FILE.partition(f"  {queue}:\n")
    assert found
    return f"{head}{found}{indent(text, '    ')}\n{tail}"


@pytest.mark.parametrize(
    ("queue", "text"),
    [
        ("training", f"submitters: {{a: {{role: {ROLE}/team/vision, shares: [vision], max_priority: 0}}}}"),
        ("training", "submitters: {a: {managed_policy_name: 'a+=,.@-_1', shares: [lang-a, 'lang-*'], max_priority: 9999}}"),
        ("quotas", f"submitters: {{a: {{role: {ROLE}/a, shares: [vision], execution_roles: [search]}}}}"),
        ("fifo", "submitters: {a: {managed_policy_name: a}}\nmanagers: {a: {managed_policy_name: a}}\nobservers: {a: {managed_policy_name: a}}"),
        ("containers", "submitters: {a: {managed_policy_name: a, shares: [vision]}, b: {managed_policy_name: b, job_definitions: [train]}}"),
        ("training", f"submitters: {{a: {{role: {ROLE}/a, shares: [vision], max_priority: 9}}, b: {{role: {ROLE}/a, shares: [lang-a]}}}}"),
    ],
)  # fmt: skip
def test_grantees_are_accepted(tmp_path: Path, queue: str, text: str) -> None:
    assert problems_of(tmp_path, with_grantees(queue, text)) == []


_FORM = "allowed: the ARN of an IAM role, arn:aws:iam::ACCOUNT:role/NAME"
_OWNED = "so that no stack can change its policies: use managed_policy_name"


@pytest.mark.parametrize(
    ("queue", "entry", "problem"),
    [
        ("fifo", "{}", "role: missing; use role or managed_policy_name"),
        ("fifo", f"{{role: {ROLE}/a, managed_policy_name: a}}", "managed_policy_name: role and managed_policy_name exclude each other: use one of them"),
        ("fifo", "{role: 'arn:aws:iam::123456789012:root'}", f"role: got 'arn:aws:iam::123456789012:root', {_FORM}"),
        ("fifo", "{role: 'arn:aws:iam::123456789012:user/a'}", f"role: got 'arn:aws:iam::123456789012:user/a', {_FORM}"),
        ("fifo", "{role: vision}", f"role: got 'vision', {_FORM}"),
        ("fifo", f"{{role: '{ROLE}/*'}}", f"role: got '{ROLE}/*', {_FORM}"),
        ("fifo", f"{{role: {ROLE}/aws-reserved/sso.amazonaws.com/AWSReservedSSO_a_0}}", f"role: the role belongs to IAM Identity Center, {_OWNED}"),
        ("fifo", f"{{role: {ROLE}/aws-service-role/batch.amazonaws.com/a}}", f"role: the role is linked to a service, {_OWNED}"),
        ("fifo", "{role: 'arn:aws:iam::444455556666:role/a'}", "role: the role is in account 444455556666, and AWS Batch has no resource policies: use a role in account 123456789012 that people of the other account can assume"),
        ("fifo", "{managed_policy_name: a b}", "managed_policy_name: got 'a b', allowed: 1 to 128 characters of A-Z, a-z, 0-9 and _ + = , . @ -"),
        ("fifo", "{managed_policy_name: a, max_priority: 10000}", "max_priority: got 10000, allowed: a whole number, 0 to 9999"),
        ("fifo", "{managed_policy_name: a, shares: [vision]}", "shares: requires fair-share or quota-management, and the queue has fifo: remove shares"),
        ("fifo", "{managed_policy_name: a, job_definitions: [train]}", "job_definitions: only queues with compute_environments have job definitions: remove job_definitions"),
        ("fifo", "{managed_policy_name: a, execution_roles: [serch]}", "execution_roles[0]: got 'serch', allowed: a key of execution_roles: search"),
        ("training", "{managed_policy_name: a, shares: [vison]}", "shares[0]: got 'vison', allowed: a share of the queue: vision, lang-*"),
        ("training", "{managed_policy_name: a, shares: []}", "shares: got [], allowed: a list of one or more names"),
        ("training", "{managed_policy_name: a, shares: [vision, vision]}", "shares[1]: vision is listed twice: list each name once"),
        ("quotas", "{managed_policy_name: a, shares: ['vis*']}", "shares[0]: got 'vis*', allowed: 1 to 128 characters of A-Z, a-z, 0-9, - and _"),
        ("containers", "{managed_policy_name: a, max_priority: 1}", "max_priority: IAM has no condition for the priority of jobs of containers: remove max_priority"),
        ("containers", "{managed_policy_name: a, execution_roles: [search]}", "execution_roles: the job definitions of containers have their own roles: remove execution_roles"),
        ("containers", "{managed_policy_name: a, job_definitions: [trian]}", "job_definitions[0]: got 'trian', allowed: a job definition of queue containers: train"),
        ("containers", "{managed_policy_name: a, job_definitions: []}", "job_definitions: got [], allowed: a list of one or more names"),
    ],
)  # fmt: skip
def test_a_mistake_of_one_submitter_is_reported_once(tmp_path: Path, queue: str, entry: str, problem: str) -> None:
    found = problems_of(tmp_path, with_grantees(queue, f"submitters: {{a: {entry}}}"))
    assert found == [f"queues.{queue}.submitters.a.{problem}"]


def test_containers_without_job_definitions_have_no_submitters(tmp_path: Path) -> None:
    found = problems_of(tmp_path, with_grantees("idle", "submitters: {a: {managed_policy_name: a}}"))
    assert found == ["queues.idle.submitters.a: no job definition has queue idle in its queues: add one"]


def test_a_priority_of_a_manager_of_containers_is_refused(tmp_path: Path) -> None:
    found = problems_of(tmp_path, with_grantees("idle", "managers: {a: {managed_policy_name: a, max_priority: 1}}"))
    assert [problem.partition(":")[0] for problem in found] == ["queues.idle.managers.a.max_priority"]


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("submitters", "", ""),
        ("submitters", "", ", shares: [vision]"),
        ("submitters", ", shares: [lang-a, vision], max_priority: 1", ", shares: [vision]"),
        ("managers", "", ", max_priority: 1"),
        ("observers", "", ""),
    ],
)
def test_a_grantee_is_listed_once(tmp_path: Path, kind: str, first: str, second: str) -> None:
    text = f"{kind}: {{a: {{managed_policy_name: p{first}}}, b: {{managed_policy_name: p{second}}}}}"
    jobs = " for the same jobs" if kind == "submitters" else ""
    assert problems_of(tmp_path, with_grantees("training", text)) == [
        f"queues.training.{kind}.b: managed_policy_name p is also in a{jobs}: list it once"
    ]


def test_one_stack_creates_a_managed_policy(tmp_path: Path) -> None:
    entries = "submitters: {a: {managed_policy_name: people}, b: {managed_policy_name: People}}"
    other = dedent("""
        regions:
          eu-west-1:
            queues:
              training: {capacity: 1, scheduling: {policy: fifo}, observers: {a: {managed_policy_name: people}}}
        """)
    assert problems_of(tmp_path, with_grantees("fifo", entries) + other) == [
        "queues.fifo.submitters.b.managed_policy_name: IAM does not distinguish People from people: use the same name, "
        "or another one",
        "regions.eu-west-1.queues.training.observers.a.managed_policy_name: the stack in us-east-1 creates the policy, "
        "because a name is unique in the account: use another name here, for example people-eu-west-1",
    ]


def test_a_role_in_any_account_is_accepted_by_a_file_without_an_account(tmp_path: Path) -> None:
    text = with_grantees("fifo", "submitters: {a: {role: 'arn:aws:iam::444455556666:role/a'}}")
    assert problems_of(tmp_path, text.replace('account: "123456789012"\n', "")) == []
