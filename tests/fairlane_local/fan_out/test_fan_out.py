"""Fan-out as deployed by the CDK CLI: its state machine, functions, events and schedules on a local AWS."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests import arrays
from tests.fairlane_local.fan_out.containers import container_processes
from tests.fairlane_local.fan_out.golden import (
    ARRAY_REGIONS,
    HOME,
    INSTANCE,
    INSTANCES,
    MINUTES,
    REGIONS,
    Golden,
    line,
    lines,
    outage,
)

pytestmark = pytest.mark.slow

SUBMISSION = ("SubmitServiceJob", "ListServiceJobs")
DRIVE = """
from fairlane_run import run

with run() as this:
    if this.parameters["length"] < 0:
        raise ValueError
    this.finish(length=this.parameters["length"])
"""
ONCE = Counter({f"drive-{number:02}": 1 for number in range(12)})


def test_the_golden_manifest_trains_on_480_gpus_in_four_regions(golden: Golden) -> None:
    plan = golden.fan_out.start(golden.file("golden", lines(1)))
    assert plan.new == 4
    jobs = dict(golden.jobs("golden"))
    payloads = {region: json.loads(job["serviceRequestPayload"]) for region, job in jobs.items()}
    assert {*payloads} == {*REGIONS}
    for region, payload in payloads.items():
        assert payload["ResourceConfig"]["InstanceCount"] == INSTANCES
        assert payload["ResourceConfig"]["InstanceType"] == INSTANCE
        assert f".dkr.ecr.{region}." in payload["AlgorithmSpecification"]["TrainingImage"]
        assert f"s3://drives-{region}/" in json.dumps(payload["InputDataConfig"])
    images = {payload["AlgorithmSpecification"]["TrainingImage"].partition("@")[2] for payload in payloads.values()}
    assert len(images) == 1
    golden.advance(MINUTES)
    progress = golden.fan_out.status("golden")
    assert (progress.total.done, progress.is_over, progress.state) == (4, True, "SUBMITTED")
    assert sum(row["gpus"] for row in progress.rows) == 480
    assert {row["region"]: row["job_id"] for row in progress.rows} == {
        region: job["jobId"] for region, job in jobs.items()
    }


def test_the_outcomes_of_a_manifest_are_read_by_sql(golden: Golden) -> None:
    golden.fan_out.start(golden.file("outcomes", lines(1)))
    golden.advance(MINUTES)
    keys = [
        item["Key"]
        for item in golden.client("s3").list_objects_v2(Bucket=golden.place.bucket, Prefix="outcomes/")["Contents"]
    ]
    own = [key for key in keys if "manifest=outcomes/" in key]
    assert len(own) == len(REGIONS)
    row = golden.client("s3").get_object(Bucket=golden.place.bucket, Key=own[0])["Body"].read()
    assert json.loads(gzip.decompress(row))["state"] == "SUCCEEDED"
    athena = golden.client("athena")
    sql = (
        "SELECT region, sum(gpus), count(training_job) FROM outcomes WHERE manifest = 'outcomes' GROUP BY 1 ORDER BY 1"
    )
    query = athena.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": "fairlane_fan_out_campaigns"},
        WorkGroup="fairlane-fan-out-campaigns",
    )["QueryExecutionId"]
    golden.aws.timeline.settle()
    _, *rows = athena.get_query_results(QueryExecutionId=query)["ResultSet"]["Rows"]
    found = [[cell["VarCharValue"] for cell in row["Data"]] for row in rows]
    assert found == [[region, "120", "1"] for region in sorted(REGIONS)]


def test_doubled_events_of_a_manifest_make_no_second_job(golden: Golden) -> None:
    path = golden.file("doubled", lines(3))
    version = golden.put(path)
    given = json.dumps({"operation": "start", "key": f"manifests/{path.name}", "version": version})
    states = golden.client("stepfunctions")
    for _ in range(2):
        states.start_execution(stateMachineArn=golden.place.state_machine, input=given)
    golden.advance(MINUTES)
    assert [each["status"] for each in golden.executions("doubled")] == ["SUCCEEDED"] * 3
    assert golden.ids("doubled") == ONCE
    golden.put(path)
    golden.advance(MINUTES)
    assert golden.ids("doubled") == ONCE


def test_a_region_that_is_down_for_ten_minutes_gets_its_lines_later(golden: Golden) -> None:
    path = golden.file("outage", lines(3))
    others = [region for region in REGIONS if region != "eu-west-1"]
    with outage("eu-west-1", *SUBMISSION):
        golden.put(path)
        golden.advance(MINUTES)
        assert Counter(region for region, _ in golden.jobs("outage", others)) == dict.fromkeys(others, 3)
        (execution,) = golden.executions("outage")
        assert execution["status"] == "RUNNING"
    golden.advance(3 * MINUTES)
    (execution,) = golden.executions("outage")
    assert execution["status"] == "SUCCEEDED"
    assert golden.ids("outage") == ONCE
    assert golden.fan_out.status("outage").total.done == 12


def test_a_plan_waits_for_a_region_that_is_down(golden: Golden) -> None:
    with outage("eu-west-1"):
        golden.put(golden.file("waiting", lines(3)))
        golden.advance(MINUTES)
        assert not golden.ids("waiting", [region for region in REGIONS if region != "eu-west-1"])
    golden.advance(2 * MINUTES)
    assert golden.ids("waiting") == ONCE
    assert golden.fan_out.status("waiting").total.done == 12


def test_a_manifest_that_is_stopped_in_an_outage_goes_on(golden: Golden) -> None:
    with outage("us-west-2", *SUBMISSION):
        golden.put(golden.file("stopped", lines(3)))
        golden.advance(0.1)
        termination = golden.fan_out.stop("stopped")
    assert termination.jobs
    golden.advance(3 * MINUTES)
    (execution,) = golden.executions("stopped")
    assert execution["status"] == "ABORTED"
    stopped = golden.ids("stopped")
    assert stopped == dict.fromkeys(stopped, 1)
    assert 0 < len(stopped) < len(ONCE)
    golden.fan_out.resume("stopped")
    golden.advance(3 * MINUTES)
    assert golden.ids("stopped") == ONCE
    assert golden.fan_out.status("stopped").is_over


def test_data_is_copied_once_before_the_job_that_reads_it(golden: Golden) -> None:
    golden.create_buckets()
    s3 = golden.client("s3")
    s3.put_object(Bucket="drives-eu-west-1", Key="0/video", Body=b"1" * 1000)
    candidates = [{"region": HOME, "data": "s3://drives-eu-west-1/0/", "copy_to": f"s3://drives-{HOME}/in/"}]
    others = {name: value for name, value in lines(1)[0].items() if name not in ("region", "data")}
    path = golden.file("copied", [{**others, "candidates": candidates, "data_gb": 1}])
    assert golden.fan_out.check(path).copies
    assert "Contents" not in s3.list_objects_v2(Bucket=f"drives-{HOME}")
    golden.put(path)
    golden.advance(MINUTES)
    ((region, job),) = golden.jobs("copied")
    assert region == HOME
    assert f"s3://drives-{HOME}/in/0/" in job["serviceRequestPayload"]
    (copy,) = s3.list_objects_v2(Bucket=f"drives-{HOME}")["Contents"]
    assert (copy["Key"], copy["Size"]) == ("in/0/video", 1000)


def test_children_of_array_jobs_in_two_regions_read_their_lines_from_the_store_at_home(
    golden: Golden, tmp_path: Path
) -> None:
    golden.client("s3").put_object(
        Bucket=golden.place.bucket, Key="templates/drive.json", Body=json.dumps(arrays.REQUEST)
    )
    content: list[dict[str, Any]] = [
        {
            "id": f"drive-{number}",
            "region": ARRAY_REGIONS[number % 2],
            "queue": "gpu",
            "template": "drive",
            "data": f"s3://drives/{number}/",
            "parameters": {"length": number if number < 5 else -1},
        }
        for number in range(6)
    ]
    with container_processes(golden.aws, tmp_path, DRIVE):
        assert golden.fan_out.start(golden.file("arrays", content)).new == 6
        golden.advance(MINUTES)
    for region in ARRAY_REGIONS:
        named = [{"name": "JOB_NAME", "values": ["campaigns_arrays_*"]}]
        (job,) = golden.client("batch", region).list_jobs(jobQueue="gpu", filters=named)["jobSummaryList"]
        assert job["arrayProperties"]["size"] == 3
    found = {}
    for key in golden.keys(arrays.STORE_BUCKET, "results/"):
        body = golden.client("s3").get_object(Bucket=arrays.STORE_BUCKET, Key=key)["Body"].read()
        result = json.loads(body)
        found[result["parameters"]["id"]] = (
            result["parameters"]["region"],
            result["parameters"]["data"],
            result["value"],
        )
    assert found == {line["id"]: (line["region"], line["data"], line["parameters"]["length"]) for line in content[:5]}
    assert len(list(golden.keys(arrays.STORE_BUCKET, "failures/"))) == 1
    progress = golden.fan_out.status("arrays")
    assert progress.is_over
    assert {row["id"]: (row["region"], row["state"]) for row in progress.rows} == {
        line["id"]: (line["region"], "FAILED" if line["id"] == "drive-5" else "SUCCEEDED") for line in content
    }
    page = golden.fan_out.report("arrays")
    assert all(line["id"] in page for line in content)


def test_two_manifests_at_once_stay_within_the_rate(golden: Golden) -> None:
    content = [line(number, HOME, instance_count=1) for number in range(40)]
    for name in ("first", "second"):
        golden.put(golden.file(name, content))
    golden.advance(3 * MINUTES)
    seconds = Counter[int]()
    for name in ("first", "second"):
        assert golden.ids(name) == Counter({f"drive-{number:02}": 1 for number in range(40)})
        seconds.update(item["attempted_at"] // 1000 for item in golden.items(name))
    assert max(seconds.values()) <= 5
