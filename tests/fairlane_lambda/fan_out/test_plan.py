"""Plan of a manifest: parts, changed lines, retries and the states of the execution."""

import json
import traceback
from typing import Any
from unittest.mock import patch

import pytest

from fairlane_lambda.fan_out.names import line_digest
from fairlane_lambda.fan_out.placement import Placer
from fairlane_lambda.fan_out.plan.handler import PlanError
from fairlane_lambda.fan_out.plan.objects import Bucket
from tests.fairlane_lambda.fan_out.plan_account import (
    ACCOUNT,
    BUCKET,
    DIGEST,
    HOME,
    REGIONS,
    ROLE,
    TEMPLATE,
    Account,
    Batch,
    Last,
    error,
    line,
    manifest,
)


def test_golden_manifest_of_480_gpus(account: Account) -> None:
    lines = [line(f"campaign-{region}", region=region, parameters={"lr": 0.5, "note": "x"}) for region in REGIONS]

    state = account.plan(manifest(*lines))

    assert state["status"] == "PLANNED"
    assert [entry["region"] for entry in state["regions"]] == sorted(REGIONS)
    assert {entry["lines"] for entry in state["regions"]} == {1}
    assert {entry["offset"] for entry in state["regions"]} == {0}
    parts = [account.part(state, region) for region in REGIONS]
    assert sum(job["gpus"] for part in parts for job in part) == 480
    [job] = account.part(state, "eu-west-1")
    digest = line_digest(lines[2], json.dumps(TEMPLATE))
    assert (job["digest"], job["name"]) == (digest, f"campaigns_drives_campaign-eu-west-1_{digest}")
    payload = json.loads(job["request"].pop("serviceRequestPayload"))
    assert job["request"] == {"serviceJobType": "SAGEMAKER_TRAINING", "jobQueue": "training"}
    assert payload["AlgorithmSpecification"]["TrainingImage"] == (
        f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/training/pytorch@{DIGEST}"
    )
    assert payload["HyperParameters"] == {"epochs": "3", "lr": "0.5", "note": "x"}
    assert payload["ResourceConfig"]["InstanceCount"] == 15
    assert payload["RoleArn"] == ROLE
    assert payload["OutputDataConfig"]["S3OutputPath"] == "s3://models-eu-west-1/"
    record = account.ledger.manifest("drives") or {}
    assert record["version"] == state["version"]
    assert record["regions"] == dict.fromkeys(sorted(REGIONS), 1)


def test_a_part_that_amazon_s3_first_refuses_is_written_whole(account: Account) -> None:
    """Amazon S3 reads the content, and answers that another conditional write is in progress."""
    put, refused = account.s3.put_object, list[bytes]()

    def busy(**request: Any) -> Any:
        if not isinstance(request["Body"], bytes) and len(refused) < 2:
            refused.append(request["Body"].read())
            raise error("ConditionalRequestConflict", "PutObject", 409)
        return put(**request)

    with patch.object(account.s3, "put_object", busy), patch("time.sleep"):
        state = account.plan(manifest(line("a"), line("b")))

    assert len(refused) == 2
    assert [job["id"] for job in account.part(state, HOME)] == ["a", "b"]


def test_only_a_resumption_undoes_a_stop(account: Account) -> None:
    event = account.put(manifest(line("a")))
    account.run(**event)
    account.ledger.set_manifest("drives", stopped=True, state="STOPPED")

    stopped = []
    for given in (event, event | {"resume": True}, account.put(manifest(line("b")))):
        assert account.run(**given)["status"] == "PLANNED"
        stopped.append((account.ledger.manifest("drives") or {})["stopped"])
        account.ledger.set_manifest("drives", stopped=True)

    assert stopped == [True, False, False]


def test_a_plan_waits_for_a_region_that_is_down(account: Account) -> None:
    given = account.put(manifest(line()))
    with patch.object(Batch, "get_paginator", side_effect=error("ServerException", "DescribeJobQueues", 500)):
        state = account.run(**given, operation="start")
    assert state == {**given, "operation": "start", "status": "WAIT", "seconds": 60}
    assert account.ledger.manifest("drives") is None

    assert account.run(**state)["status"] == "PLANNED"


def test_a_plan_fails_if_aws_denies_a_call(account: Account) -> None:
    denied = error("AccessDeniedException", "DescribeJobQueues", 403)
    with patch.object(Batch, "get_paginator", side_effect=denied), pytest.raises(PlanError) as failure:
        account.plan(manifest(line()))
    assert str(failure.value) == "DescribeJobQueues failed: AccessDeniedException"


def test_an_error_of_a_plan_has_no_values_of_lines(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    """AWS Lambda logs the error with its traceback."""
    with patch.object(Placer, "place", side_effect=ValueError("s3://secret")), pytest.raises(PlanError) as failure:
        account.plan(manifest(line()))
    assert str(failure.value) == "the plan failed: ValueError"
    assert failure.value.__suppress_context__
    assert "secret" not in "".join(traceback.format_exception(failure.value)) + capsys.readouterr().out


def test_a_manifest_of_the_client_is_planned(account: Account) -> None:
    account.s3.put_object(Bucket=BUCKET, Key="uploads/drives.jsonl", Body=manifest(line()).encode())
    state = account.run(key="uploads/drives.jsonl", version="", operation="start", execution="arn:run")
    assert (state["status"], state["manifest"]) == ("PLANNED", "drives")
    record = account.ledger.manifest("drives") or {}
    assert (record["execution"], record["operation"]) == ("arn:run", "start")


def test_csv_gives_parameters_of_its_other_columns(account: Account) -> None:
    content = '\ufeffid,region,data,instance_count,lr,note\r\na,us-east-1,s3://b/a,2,0.5,"two\r\nlines"\r\n\r\n'

    state = account.plan(content, "Drives.csv")

    [job] = account.part(state, HOME)
    hyperparameters = json.loads(job["request"]["serviceRequestPayload"])["HyperParameters"]
    assert state["manifest"] == "drives"
    assert hyperparameters == {"epochs": "3", "lr": "0.5", "note": "two\nlines"}


def test_tags_of_the_template_become_tags_of_the_job(account: Account) -> None:
    account.config["template"] = json.dumps(TEMPLATE | {"Tags": [{"Key": "team", "Value": "${id}"}]})

    [job] = account.part(account.plan(manifest(line())), HOME)

    assert job["request"]["tags"] == {"team": "a"}
    assert "Tags" not in json.loads(job["request"]["serviceRequestPayload"])


def test_line_with_a_template_of_its_own(account: Account) -> None:
    own = TEMPLATE | {"HyperParameters": {"model": "large"}}
    account.s3.put_object(Bucket=BUCKET, Key="templates/large.json", Body=json.dumps(own).encode())

    [job] = account.part(account.plan(manifest(line(template="large"))), HOME)

    assert json.loads(job["request"]["serviceRequestPayload"])["HyperParameters"] == {"model": "large"}


@pytest.mark.parametrize(
    ("policy", "share", "parameter"),
    [("fair", "team-a", "shareIdentifier"), ("fair", "gang-7", "shareIdentifier"), ("quota", "c", "quotaShareName")],
)
def test_share_is_named_as_the_policy_of_the_queue_requires(
    account: Account, policy: str, share: str, parameter: str
) -> None:
    account.batch[HOME].queues["training"] = (policy, ("team-a", "gang-*") if policy == "fair" else ("a", "b", "c"))

    [job] = account.part(account.plan(manifest(line(share=share, priority=7))), HOME)

    assert job["request"][parameter] == job["share"] == share
    assert job["request"]["schedulingPriority"] == 7


def test_queues_are_read_once_for_a_region(account: Account) -> None:
    account.config["regions"][HOME] = {"queues": ["training", "one", "two", "three"]}
    account.batch[HOME].queues |= {"one": ("fifo", ()), "two": ("fair", ("a",)), "three": ("fifo", ())}
    lines = [line("a"), line("b", queue="three"), line("c", queue="two", share="a")]

    state = account.plan(manifest(*lines))

    assert [job["queue"] for job in account.part(state, HOME)] == ["training", "three", "two"]
    assert [operation for operation, _ in account.batch[HOME].calls] == ["describe_job_queues"] * 2
    assert account.ecr[HOME].calls == 1


def test_unchanged_lines_are_skipped_and_removed_ones_are_counted(account: Account) -> None:
    lines = [line("a"), line("b"), line("c")]
    account.settle(account.plan(manifest(*lines)))

    state = account.plan(manifest(lines[0], line("b", instance_count=2), line("d")))

    answer = account.answer(state)
    assert [job["id"] for job in account.part(state, HOME)] == ["b", "d"]
    assert {name: answer[name] for name in ("lines", "new", "changed", "unchanged", "removed")} == {
        "lines": 3,
        "new": 2,
        "changed": 1,
        "unchanged": 1,
        "removed": 1,
    }


def test_check_tells_how_many_lines_an_edited_template_makes_new(account: Account) -> None:
    lines = [line("a"), line("b")]
    account.settle(account.plan(manifest(*lines)))
    before = account.keys("")
    account.config["template"] = json.dumps(TEMPLATE | {"HyperParameters": {"epochs": "4"}})

    state = account.plan(manifest(*lines), operation="check")

    assert state["status"] == "CHECKED"
    assert account.answer(state)["new"] == account.answer(state)["changed"] == 2
    assert [*set(account.keys("")) - set(before)] == [state["plan"]]


def test_manifest_without_new_lines_has_no_regions(account: Account) -> None:
    account.settle(account.plan(manifest(line())))

    assert account.plan(manifest(line()))["regions"] == []


def test_second_plan_of_a_version_keeps_the_placement_of_the_first(account: Account) -> None:
    candidates = [{"region": region, "data": f"s3://{BUCKET}/{region}"} for region in REGIONS]
    event = account.put(manifest(line(region=None, data=None, candidates=candidates)))
    first = account.run(**event)
    account.placer = Last

    second = account.run(**event)

    assert second == first
    assert account.plan(manifest(line(region=None, data=None, candidates=candidates)))["regions"] != first["regions"]


def test_second_plan_of_a_version_obeys_a_new_residency(account: Account) -> None:
    candidates = [{"region": region, "data": f"s3://{BUCKET}/{region}/a"} for region in REGIONS]
    event = account.put(manifest(line(region=None, data=None, candidates=candidates)))
    first = account.run(**event)
    account.config["residency"] = {f"s3://{BUCKET}/{HOME}/": ["eu-west-3"]}

    second = account.run(**event)

    assert [entry["region"] for entry in first["regions"]] == [HOME]
    assert [entry["region"] for entry in second["regions"]] != [HOME]


def test_plan_that_another_one_of_its_version_overtakes_takes_its_placement(account: Account) -> None:
    candidates = [{"region": region, "data": f"s3://{BUCKET}/{region}"} for region in REGIONS]
    event = account.put(manifest(line(region=None, data=None, candidates=candidates)))
    put = Bucket.put
    others: list[dict[str, Any]] = []

    def overtake(bucket: Bucket, key: str, content: Any, **condition: str) -> str | None:
        if "/decision-" in key and not others:
            others.append({})
            account.placer = Last
            others[0] = account.run(**event)
        return put(bucket, key, content, **condition)

    with patch.object(Bucket, "put", overtake):
        state = account.run(**event)

    assert [state] == others
    assert [entry["region"] for entry in state["regions"]] == [REGIONS[-1]]


def test_candidates_whose_region_has_not_the_queue_are_left_out(account: Account) -> None:
    account.config["regions"]["eu-central-1"]["queues"].append("nights")
    account.batch["eu-central-1"].queues["nights"] = ("fifo", ())
    candidates = [{"region": region} for region in REGIONS]

    state = account.plan(manifest(line(region=None, candidates=candidates, queue="nights")))

    assert [entry["region"] for entry in state["regions"]] == ["eu-central-1"]


@pytest.mark.parametrize(
    ("image", "uri"),
    [
        (f"training/pytorch@{DIGEST}", f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/training/pytorch@{DIGEST}"),
        (
            f"{ACCOUNT}.dkr.ecr.{HOME}.amazonaws.com/training/pytorch:1",
            f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/training/pytorch@{DIGEST}",
        ),
        (
            f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/training/pytorch:1",
            f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/training/pytorch@{DIGEST}",
        ),
        ("763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch:2", None),
        ("registry.example.com/pytorch:2", None),
    ],
)
def test_image_of_the_account_has_its_digest_in_each_region(account: Account, image: str, uri: str | None) -> None:
    specification = TEMPLATE["AlgorithmSpecification"] | {"TrainingImage": "${image}"}
    account.config["template"] = json.dumps(TEMPLATE | {"AlgorithmSpecification": specification})
    account.ecr["eu-west-1"].images["training/pytorch", "1"] = f"sha256:{'cd' * 32}"  # the tag moved there
    account.ecr["eu-west-1"].images["training/pytorch", "old"] = DIGEST

    [job] = account.part(account.plan(manifest(line(region="eu-west-1", image=image))), "eu-west-1")

    payload = json.loads(job["request"]["serviceRequestPayload"])
    assert payload["AlgorithmSpecification"]["TrainingImage"] == (uri or image)


def test_claimed_line_stays_in_its_region(account: Account) -> None:
    candidates = [{"region": region, "data": f"s3://{BUCKET}/{region}"} for region in REGIONS]
    content = manifest(line(region=None, data=None, candidates=candidates))
    state = account.plan(content)
    [job] = account.part(state, HOME)
    account.set_state("drives", job | {"reason": "it was cheap"}, "eu-central-1", "SUBMITTING")

    second = account.plan(content)

    [again] = account.part(second, "eu-central-1")
    assert (again["digest"], again["reason"]) == (job["digest"], "it was cheap")


def test_retry_submits_failures_as_a_further_attempt(account: Account) -> None:
    lines = [line("a"), line("b"), line("c")]
    event = account.put(manifest(*lines))
    first = account.run(**event)
    account.settle(first, "SUCCEEDED")
    failed = account.part(first, HOME)[1]
    account.set_state("drives", failed, HOME, "FAILED")

    retry = account.run(**event, operation="retry")

    [job] = account.part(retry, HOME)
    assert (job["id"], job["digest"]) == ("b", line_digest(lines[1], json.dumps(TEMPLATE), 2))
    account.settle(retry, "RUNNING")
    assert account.run(**event, operation="retry")["regions"] == []
    account.settle(retry, "REFUSED")
    [third] = account.part(account.run(**event, operation="retry"), HOME)
    assert third["digest"] == line_digest(lines[1], json.dumps(TEMPLATE), 3)
    assert account.run(**event, operation="start")["regions"] == first["regions"]


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ([], "SUBMITTED"),
        ([{"status": "DONE", "region": HOME}], "SUBMITTED"),
        ([{"status": "DONE"}, {"status": "STOPPED"}], "STOPPED"),
        ([{"status": "STOPPED"}, {"status": "FAILED", "region": HOME}], "FAILED"),
    ],
)
def test_close_records_how_the_submission_ended(account: Account, results: Any, status: str) -> None:
    state = account.plan(manifest(line()))

    closed = account.run(operation="close", manifest="drives", version=state["version"], results=results)

    assert closed["status"] == status == (account.ledger.manifest("drives") or {})["state"]
    assert closed["failed"] == [result["region"] for result in results if result["status"] == "FAILED"]


def test_close_of_an_older_version_changes_nothing(account: Account) -> None:
    first = account.plan(manifest(line()))
    account.plan(manifest(line("b")))

    account.run(operation="close", manifest="drives", version=first["version"], results=[])

    assert (account.ledger.manifest("drives") or {})["state"] == "SUBMITTING"


def test_nothing_of_a_payload_is_printed_or_in_the_ledger(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    state = account.plan(manifest(line(parameters={"password": "hunter2"})))

    assert "hunter2" in account.read(state["regions"][0]["part"]).decode()
    assert "hunter2" not in capsys.readouterr().out
    assert "hunter2" not in str(account.ledger.manifest("drives"))
