"""Traces for HyperPod clusters: columns, and mistakes with their lines."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from fairlane.errors import ConfigurationError
from fairlane.hyperpod import Governance
from fairlane.rehearsal.hyperpod import ClusterJob, ClusterSetup, ClusterTrace, read_cluster_trace
from tests.fairlane.hyperpod.governance import P5, group, quota, team

from .clusters import NIGHT, cluster, job


def read(tmp_path: Path, text: str, setup: ClusterSetup | None = None, name: str = "jobs.csv") -> ClusterTrace:
    path = tmp_path / name
    path.write_text(text)
    return read_cluster_trace(path, setup or cluster())


def mistakes(tmp_path: Path, header: str, *rows: str, setup: ClusterSetup | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, "\n".join([header, *rows]), setup)
    return [str(problem) for problem in caught.value.problems]


def test_every_column_is_read(tmp_path: Path) -> None:
    columns = {
        "submit": "60",
        "run": "3600.5",
        "share": "research",
        "class": "training-priority",
        "instances": "8",
        "instance_type": P5,
        "min": "4",
        "max": "16",
        "step": "4",
        "tokens_per_second": "4:8000;16:28000.5",
        "checkpoint": "600",
        "checkpoint_seconds": "90",
        "restart_seconds": "120",
        "graceful_shutdown_seconds": "300",
        "scaling_timeout_seconds": "30",
        "scale_up_snooze_seconds": "0",
        "name": "llama",
    }
    trace = read(tmp_path, ",".join(columns) + "\n" + ",".join(columns.values()) + "\n")
    expected = ClusterJob(
        team="research",
        submit=60,
        run=3601,
        instances=8,
        instance_type=P5,
        priority_class="training-priority",
        min_instances=4,
        max_instances=16,
        step=4,
        tokens_per_second={4: 8000, 16: 28_000.5},
        checkpoint=600,
        checkpoint_seconds=90,
        restart_seconds=120,
        graceful_shutdown_seconds=300,
        scaling_timeout_seconds=30,
        scale_up_snooze_seconds=0,
        name="llama",
    )
    assert trace.jobs == (expected,)
    assert trace.advice == ()
    assert cluster().priority(expected) == 50


def test_static_and_elastic_jobs_and_parts(tmp_path: Path) -> None:
    rows = ["submit,run,team,gpus,sizes,parts,extra", "9,60,inference,12,,,", "0,60,research,,4;8;16,yes,"]
    elastic, static = (trace := read(tmp_path, "\n".join(rows))).jobs
    assert (static.instances, static.is_elastic, static.policy.sizes) == (2, False, (2,))
    assert (elastic.sizes, elastic.parts, elastic.first_size) == ((4, 8, 16), True, 4)
    assert [text.partition(": ")[2] for text in trace.advice] == [
        "unknown columns are ignored: extra",
        "rows were sorted, because they are not in the order of submit",
    ]


def test_json_lines_have_lists_and_objects(tmp_path: Path) -> None:
    row = {"submit": 0, "run": 60, "team": "research", "sizes": [4, 8], "tokens_per_second": {"4": 1, "8": 2}}
    (read_job,) = read(tmp_path, json.dumps(row), name="jobs.jsonl").jobs
    assert (read_job.sizes, read_job.tokens_per_second) == ((4, 8), {4: 1, 8: 2})


def test_speeds_lie_on_straight_lines_between_those_stated() -> None:
    sizes = job(sizes=(1, 2, 4, 8), tokens_per_second={1: 2000, 4: 8000, 8: 14_000})
    assert sizes.rates() == {1: 2000, 2: 4000, 4: 8000, 8: 14_000}
    aws = job(sizes=(1, 2, 4, 8), tokens_per_second={8: 14_000, 1: 2000})
    assert aws.rates()[2] == 2000 + Fraction(12_000, 7)
    assert job(sizes=(1, 2)).rates() == {1: 1, 2: 2}
    assert job(instances=3, tokens_per_second={3: 5}).rates() == {3: 5}


HEADER = "submit,run,team,class,priority,parts,instances,min,max,step,sizes,tokens_per_second,instance_type"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("0,60,research,,,,,,,4,4;8,,", "step: step and sizes exclude each other: use one of them"),
        ("0,60,research,,,,,4,8,,,,", "step: an elastic job needs step or sizes: state one of them"),
        ("0,60,research,,,,,,,2,,,", "min: missing; use a number of instances, because the job has a step"),
        ("0,60,research,,,,,8,4,2,,,", "min: got 8, allowed: a number up to the maximum of 4"),
        ("0,60,research,,,,,4,15,4,,,", "max: got 15, allowed: a size that the step reaches: 12 or 16"),
        ("0,60,research,,,,,0,15,4,,,", "min: got 0, allowed: a whole number, 1 to 6758"),
        ("0,60,research,,,,,,,,0;4,,", "sizes: got 0, allowed: whole numbers, 1 to 6,758"),
        ("0,60,research,,,,,,,,4;x,,", "sizes: got 'x', allowed: whole numbers, 1 to 6,758"),
        ("0,60,research,,,,,,,,4;6759,,", "sizes: got 6759, allowed: whole numbers, 1 to 6,758"),
        ("0,60,research,,,,6759,,,,,,", "instances: got 6759, allowed: a whole number, 1 to 6758"),
        ("0,60,research,,,,,,,,8;4,,", "sizes: got '8;4', allowed: sizes in ascending order, each of them once"),
        ("0,60,research,,,,,,,,4;4,,", "sizes: got '4;4', allowed: sizes in ascending order, each of them once"),
        (
            "0,60,research,,,,,2,8,,4;8,,",
            "sizes: the sizes are 4 to 8, but the minimum is 2 and the maximum 8: use the same numbers, or state the "
            "sizes only",
        ),
        ("0,60,research,,,,6,,,,4;8,,", "instances: got 6, allowed: a size of the job: 4, 8"),
        ("0,60,research,,,,,,,,4;8,4:1;6:2;8:3,", "tokens_per_second: got 6, allowed: a size of the job: 4, 8"),
        ("0,60,research,,,,,,,,4;8,4:0;8:3,", "tokens_per_second: got 0.0, allowed: a number above 0"),
        ("0,60,research,,,,,,,,4;8,4:x;8:3,", "tokens_per_second: got 'x', allowed: a number above 0"),
        ("0,60,research,,,,,,,,4;8,4:5,", "tokens_per_second: the size 8 has no tokens per second: state those of"),
        ("0,60,nobody,,,,1,,,,,,", "team: got 'nobody', allowed: a team of the cluster: inference, pretraining, resea"),
        ("0,60,,,,,1,,,,,,", "team: got '', allowed: the name of a team"),
        ("0,60,research,top,,,1,,,,,,", "class: got 'top', allowed: a class of the cluster: inference, training"),
        ("0,60,research,training,5,,1,,,,,,", "priority: a job with a class has the priority of the class: remove"),
        ("0,60,research,,101,,1,,,,,,", "priority: got 101, allowed: a whole number, 0 to 100"),
        ("0,60,research,training,,yes,,,,,4;8,,", "parts: the parts have priorities of their own: remove the class"),
        ("0,60,research,,,maybe,,,,,4;8,,", "parts: got 'maybe', allowed: True or False"),
        ("0,60,research,,,yes,4,,,,,,", "parts: only elastic jobs have parts: state step or sizes, or remove parts"),
        ("0,60,research,,,,1,,,,,,ml.p9", "instance_type: got 'ml.p9', allowed: an instance type of the cluster: ml"),
        ("0,60,research,,,,,,,,,,", "instances: missing; use a number of instances, or sizes"),
        ("0,4h,research,,,,1,,,,,,", "run: got '4h', allowed: a whole number of seconds, 1 to"),
        ("-1,60,research,,,,1,,,,,,", "submit: got '-1', allowed: seconds, 0 or more, or a time since 1970"),
    ],
)
def test_a_mistake_has_its_line_and_column(tmp_path: Path, row: str, expected: str) -> None:
    found = mistakes(tmp_path, HEADER, "0,60,research,,,,1,,,,,,", row)
    assert any(text.startswith(f"line 3, {expected}") for text in found), found


def test_mistakes_of_all_rows_come_at_once(tmp_path: Path) -> None:
    rows = ("0,0,nobody,,,,1,,,,,,", "0,60,research,top,,,,,,,8;4,,")
    found = mistakes(tmp_path, HEADER, *rows)
    assert [text.partition(":")[0] for text in found] == [
        "line 2, run",
        "line 2, team",
        "line 3, sizes",
        "line 3, class",
    ]


def test_missing_columns(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "name", "x") == [
        "submit: missing; use a column with this name",
        "run: missing; use a column with this name",
        "team: missing; use a column with this name",
        "instances: missing; use a column with this name, or a column gpus or min or sizes",
    ]


def test_mistakes_of_types_and_classes(tmp_path: Path) -> None:
    other = "ml.p4d.24xlarge"
    two = team("research", quota(count=4), quota(other, count=1))
    setup = ClusterSetup(governance=Governance(), teams=[two], instance_groups=[group(4), group(1, other, "old")])
    header = "submit,run,team,instances,class,instance_type"
    assert mistakes(tmp_path, header, "0,60,research,1,,", f"0,60,research,1,low,{P5}", setup=setup) == [
        f"line 2, instance_type: missing; use an instance type of the quota of team research: {P5}, {other}",
        "line 3, class: the cluster has no classes: remove the class, or add it to priority_classes",
    ]
    alone = ClusterSetup(governance=Governance(), teams=NIGHT, instance_groups=[group(), group(1, other, "old")])
    assert alone.never_runs(job(instance_type=other)) == f"team research has no quota for nvidia.com/gpu of {other}"
