"""Conversion of public cluster traces by `benchmarks/public_traces.py`, with made-up rows in the public formats."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from fairlane.rehearsal import Job, Trace, read_trace

SCRIPT = Path(__file__).parents[4] / "benchmarks" / "public_traces.py"
MODULE = runpy.run_path(str(SCRIPT))

HELIOS = """\
job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,queue
1,ua,vcA,1,1,1,COMPLETED,2020-06-09 18:41:01,2020-06-09 18:42:01,2020-06-09 18:52:01,600,60
2,ub,vcB,16,64,2,CANCELLED,2020-06-09 18:41:02,2020-06-09 18:41:02,2020-06-09 18:41:32,30,0
3,ub,vcB,0,8,1,COMPLETED,2020-06-09 18:41:03,2020-06-09 18:41:03,2020-06-09 18:41:33,30,0
"""
CHRONUS = """\
job_id,user,num_gpu,submit_time,iterations,model_name,duration,interval,expect_time_list,expect_value_list,best_effort,job_type
0,vc_A,8,90,5049,vgg16,747,14,1105,10,0,strict
1,vc_B,0,5,296,mobilenet_v2,98,8,128,10,0,strict
"""
ALIBABA = """\
name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time
pod-1,12000,16384,1,460,,LS,Running,100,900,160
pod-2,12000,16384,8,1000,,BE,Pending,200,900,
pod-3,12000,16384,0,0,,BE,Running,200,900,200
"""


def attempt(start: str | None, end: str | None, *gpus: int) -> dict[str, Any]:
    servers = [{"ip": f"m{n}", "gpus": [f"gpu{gpu}" for gpu in range(number)]} for n, number in enumerate(gpus)]
    return {"start_time": start, "end_time": end, "detail": servers}


def philly_job(number: int, *attempts: dict[str, Any]) -> dict[str, Any]:
    submitted = "2017-10-07 01:00:00"
    return {"jobid": f"application_{number}", "vc": "ee9e8c", "submitted_time": submitted, "attempts": attempts}


def converted(tmp_path: Path, kind: str, text: str, written: tuple[int, int]) -> Trace:
    """Convert a file and read the result, without the rows that lack values."""
    source, output = tmp_path / "public", tmp_path / "trace.csv"
    source.write_text(text)
    assert MODULE["convert"](MODULE["FORMATS"][kind](source), output) == written
    return read_trace(output, unit="gpus", skip_bad_rows=True)


def test_helios(tmp_path: Path) -> None:
    first, second = converted(tmp_path, "helios", HELIOS, (2, 1))
    assert (first.share, first.instances, first.run, first.name) == ("vcA", 1, 600, "1")
    assert (first.started, first.stopped) == (first.submit + 60, first.submit + 660)
    assert (second.share, second.instances, second.submit - first.submit) == ("vcB", 16, 1)


def test_philly_counts_the_last_attempt_and_all_servers(tmp_path: Path) -> None:
    failed = attempt("2017-10-07 01:01:00", "2017-10-07 01:02:00", 8)
    last = attempt("2017-10-07 02:00:00", "2017-10-08 02:00:00", 8, 4)
    jobs = [
        philly_job(1, failed, last),
        philly_job(2),
        philly_job(3, attempt("2017-10-07 02:00:00", None, 1)),
        philly_job(4, attempt("2017-10-07 02:00:00", "None", 1)),
    ]
    trace = converted(tmp_path, "philly", json.dumps(jobs), (4, 0))
    (job,) = trace
    assert (job.share, job.instances, job.run, job.name) == ("ee9e8c", 12, 86_400, "application_1")
    assert (job.started, job.stopped) == (job.submit + 3600, job.submit + 3600 + 86_400)
    assert any("3 of 4 rows are left out" in line for line in trace.advice)


def test_chronus_has_minutes(tmp_path: Path) -> None:
    (job,) = converted(tmp_path, "chronus", CHRONUS, (1, 1))
    assert (job.share, job.instances, job.submit, job.run, job.started) == ("vc_A", 8, 5400, 44_820, None)


def test_alibaba(tmp_path: Path) -> None:
    trace = converted(tmp_path, "alibaba", ALIBABA, (2, 1))
    (job,) = trace
    assert (job.share, job.instances, job.submit, job.run) == ("LS", 1, 100, 740)
    assert (job.started, job.stopped) == (160, 900)
    assert any("1 of 2 rows are left out: run missing (1)" in line for line in trace.advice)


def test_the_checks_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{n * 40},vc{n * n % 3},{1 + n % 3},{600 + 60 * (n % 7)}" for n in range(40)]
    (tmp_path / "trace.csv").write_text("submit,share,gpus,run\n" + "\n".join(rows))
    assert MODULE["check"](tmp_path / "trace.csv", 20)
    assert "NO" not in capsys.readouterr().out


def test_the_smallest_shares_become_one_share() -> None:
    jobs = [Job(share=f"vc{n}", submit=0, run=60) for n in range(27) for _ in range(27 - n)]
    names = MODULE["merge_shares"](jobs).share_names
    assert sorted(names) == sorted([*(f"vc{n}" for n in range(19)), "others"])
