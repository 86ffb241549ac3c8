"""Lock file of an environment: removals and renames that it refuses, and how a resource is removed on purpose."""

from pathlib import Path

import pytest

from fairlane import ConfigurationError
from fairlane.environment import load_environment
from fairlane.environment.lock import lock_text
from tests.support import problems_of

FILE = """region: us-east-1
service_environments:
  pool: {capacity: 8}
  spare: {capacity: 8}
network: {}
compute_environments:
  p5: {instance_types: [p5.48xlarge], max_gpus: 8}
  p4: {instance_types: [p4d.24xlarge], max_gpus: 8}
queues:
  cpu: {capacity: 4, scheduling: {policy: fifo}}
  shared: {service_environment: pool, scheduling: {policy: fifo}}
  quotas:
    capacity: {ml.p5.48xlarge: 4}
    scheduling:
      policy: quota-management
      shares:
        prod: {capacity: {ml.p5.48xlarge: 2}, sharing: LEND}
        research: {capacity: {ml.p5.48xlarge: 2}, sharing: LEND}
  containers: {compute_environments: [p5], scheduling: {policy: fifo}}
regions:
  eu-west-1:
    queues:
      west: {capacity: 1, scheduling: {policy: fifo}}
"""
LINES = [
    "eu-west-1/queues/west",
    "us-east-1/compute_environments/p5",
    "us-east-1/queues/containers",
    "us-east-1/queues/cpu",
    "us-east-1/queues/quotas",
    "us-east-1/queues/quotas/shares/prod",
    "us-east-1/queues/quotas/shares/research",
    "us-east-1/queues/shared",
    "us-east-1/service_environments/pool",
]
STEPS = ", run fairlane environment lock prod, deploy, and remove it when it has no jobs"
DRAIN = "AWS ends the jobs of a removed {}, and prod.lock has it: restore it with state: draining" + STEPS
DETACH = "queues use this {} in prod.lock: restore it, take it from its queues or let them drain" + STEPS
CPU = "  cpu: {capacity: 4, scheduling: {policy: fifo}}\n"
RESEARCH = "        research: {capacity: {ml.p5.48xlarge: 2}, sharing: LEND}\n"
WEST = FILE[FILE.index("regions:") :]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of an environment with its lock file."""
    path = tmp_path / "prod.yaml"
    path.write_text(FILE)
    lock(path)
    return path


def lock(path: Path) -> None:
    path.with_suffix(".lock").write_text(lock_text(path.stem, load_environment(path)))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new))


def problems(path: Path) -> list[str]:
    return problems_of(lambda: load_environment(path))


def test_the_lock_has_the_resources_that_take_jobs(path: Path) -> None:
    assert path.with_suffix(".lock").read_text().splitlines()[1:] == LINES


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (CPU, "", f"line 9, queues.cpu: {DRAIN.format('queue')}"),
        (
            "  cpu: {",
            "  batch: {",
            f"line 9, queues.cpu: {DRAIN.format('queue')} (renamed to batch? keep both until then)",
        ),
        (RESEARCH, "", f"line 16, queues.quotas.scheduling.shares.research: {DRAIN.format('quota share')}"),
        (
            "        research:",
            "        science:",
            f"line 16, queues.quotas.scheduling.shares.research: {DRAIN.format('quota share')} "
            "(renamed to science? keep both until then)",
        ),
        (WEST, "", f"line 1, regions.eu-west-1.queues.west: {DRAIN.format('queue')}"),
    ],
)
def test_a_removed_or_renamed_resource_is_refused(path: Path, old: str, new: str, problem: str) -> None:
    change(path, old, new)
    assert problems(path) == [problem]


@pytest.mark.parametrize(
    ("kind", "key", "user", "other_user"),
    [
        ("service_environments", "pool: {capacity: 8}", "service_environment: pool", "service_environment: spare"),
        (
            "compute_environments",
            "p5: {instance_types: [p5.48xlarge], max_gpus: 8}",
            "compute_environments: [p5]",
            "compute_environments: [p4]",
        ),
    ],
)
def test_an_environment_is_removed_after_its_queues_left_it(
    path: Path, kind: str, key: str, user: str, other_user: str
) -> None:
    change(path, user, other_user)
    before = path.read_text()
    change(path, f"  {key}\n", "")
    (problem,) = problems(path)
    noun = kind.removesuffix("s").replace("_", " ")
    name = key.partition(":")[0]
    assert problem.endswith(f"{kind}.{name}: {DETACH.format(noun)}")
    path.write_text(before)
    lock(path)
    change(path, f"  {key}\n", "")
    load_environment(path)


@pytest.mark.parametrize(
    ("resource", "draining"),
    [
        (CPU, "  cpu: {capacity: 4, state: draining, scheduling: {policy: fifo}}\n"),
        (RESEARCH, RESEARCH.replace("LEND", "LEND, state: draining")),
    ],
)
def test_a_resource_that_drained_in_the_lock_is_removed(path: Path, resource: str, draining: str) -> None:
    change(path, resource, draining)
    lock(path)
    change(path, draining, "")
    lock(path)
    assert load_environment(path)


def test_draining_in_the_file_alone_does_not_allow_the_removal(path: Path) -> None:
    change(path, CPU, CPU.replace("4,", "4, state: draining,"))
    assert load_environment(path)
    change(path, CPU.replace("4,", "4, state: draining,"), "")
    assert len(problems(path)) == 1


def test_the_shares_of_a_removed_queue_are_no_problems_of_their_own(path: Path) -> None:
    text = path.read_text()
    path.write_text(text[: text.index("  quotas:")] + text[text.index("  containers:") :])
    assert problems(path) == [f"line 9, queues.quotas: {DRAIN.format('queue')}"]


def test_a_new_home_region_keeps_no_queue_of_the_old_one(path: Path) -> None:
    path.with_suffix(".lock").unlink()
    path.write_text("region: us-east-1\nqueues:\n" + CPU)
    lock(path)
    change(path, "us-east-1", "us-west-2")
    assert problems(path) == [f"line 1, regions.us-east-1.queues.cpu: {DRAIN.format('queue')}"]


def test_other_mistakes_are_reported_first(path: Path) -> None:
    change(path, CPU, "")
    change(path, "region: us-east-1", "region: east")
    assert problems(path) == ["line 1, region: got 'east', allowed: a Region such as us-east-1"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            b"# header\n<<<<<<< HEAD\n",
            "prod.lock line 2, '<<<<<<< HEAD' names no resource: resolve merge conflicts, or restore the committed file",
        ),
        (b"\xff", "prod.lock cannot be read as UTF-8"),
    ],
)
def test_a_damaged_lock_file_is_refused(path: Path, content: bytes, problem: str) -> None:
    path.with_suffix(".lock").write_bytes(content)
    (found,) = problems(path)
    assert problem in found


def test_a_lock_file_with_windows_line_ends_has_the_same_lines(path: Path) -> None:
    file = path.with_suffix(".lock")
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    load_environment(path)
    change(path, CPU, "")
    with pytest.raises(ConfigurationError, match=r"queues\.cpu"):
        load_environment(path)


def test_without_a_lock_file_nothing_is_refused(path: Path) -> None:
    path.with_suffix(".lock").unlink()
    change(path, CPU, "")
    assert load_environment(path)
