"""Runs of points: parameters, results, failures and wrong use."""

import json
from collections.abc import Callable
from pathlib import Path
from traceback import format_exception
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane_run import RunError, SetupError, run
from fairlane_run.progress import Progress
from fairlane_run.settings import HYPERPARAMETER, SETTINGS, read_settings
from tests.fairlane_run.conftest import BUCKET, SWEEP, Store

RESULT = f"results/sweep={SWEEP}/41.json"


def test_a_run_reads_its_line_and_writes_its_result(store: Store) -> None:
    with run(store.objects, store.settings(1)) as this:
        assert (this.index, this.parameters) == (41, {"learning_rate": 0.1, "model_name": "resnet18"})
        assert not this.report(1, accuracy=0.5, loss=2).stop
        assert this.finish(accuracy=0.75, loss=1)
    result = store.read(RESULT)
    assert result.pop("seconds") >= 0
    assert result.pop("started_at") > 0
    assert result == {
        "index": 41,
        "state": "SUCCEEDED",
        "parameters": {"learning_rate": "0.1", "model_name": "resnet18"},
        "point": '{"learning_rate":0.1,"model_name":"resnet18"}',
        "job": "job:1",
        "attempt": 2,
        "value": 0.75,
        "metrics": {"accuracy": 0.75, "loss": 1.0},
        "step": 1,
    }
    assert store.keys("progress/") == [f"progress/sweep={SWEEP}/1/41=0.5"]


def test_without_an_array_index_the_first_line_is_read(store: Store) -> None:
    environment = store.environment(0)
    del environment["AWS_BATCH_JOB_ARRAY_INDEX"]
    with run(store.objects, read_settings(environment)) as this:
        this.finish(accuracy=1)
    assert this.index == 40


def test_a_run_reads_only_its_line(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ranges = []
    get = store.client.get_object

    def read(**request: Any) -> Any:
        ranges.append(request)
        return get(**request)

    monkeypatch.setattr(store.client, "get_object", read)
    with run(store.objects, store.settings(2)) as this:
        this.finish(accuracy=1)
    width = store.manifest["width"]
    assert [(request["Range"], request["IfMatch"]) for request in ranges] == [
        (f"bytes={2 * width}-{3 * width - 1}", store.manifest["etag"])
    ]


def test_a_point_with_a_result_ends_at_once_with_code_0(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    with run(store.objects, store.settings(1)) as this:
        this.finish(accuracy=1)
    with pytest.raises(SystemExit) as end, run(store.objects, store.settings(1)):
        pytest.fail("the point must not run again")
    assert end.value.code == 0
    assert "point 41 of sweep resnet-lr has a result" in capsys.readouterr().out
    assert store.keys("failures/") == []


def test_the_first_of_two_results_counts(store: Store) -> None:
    with run(store.objects, store.settings(1)) as first, run(store.objects, store.settings(1)) as second:
        assert first.finish(accuracy=0.5)
        assert not second.finish(accuracy=0.9)
    assert store.read(RESULT)["value"] == 0.5


def test_a_write_that_conflicts_is_repeated(store: Store, answers: Callable[[Store, list[str]], None]) -> None:
    answers(store, ["ConditionalRequestConflict"] * 3)
    with run(store.objects, store.settings(1)) as this:
        assert this.finish(accuracy=0.5)
    assert store.read(RESULT)["value"] == 0.5


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("secret"), "KeyError"),
        (SystemExit(3), "exit code 3"),
        (SystemExit("secret"), "exit code 1"),
        (KeyboardInterrupt(), None),
    ],
)
def test_an_exception_leaves_a_failure_and_goes_on_up(store: Store, error: BaseException, reason: str | None) -> None:
    with pytest.raises(type(error)), run(store.objects, store.settings(1)):
        raise error
    (key,) = store.keys("failures/")
    assert key == f"failures/sweep={SWEEP}/41-job:1-2.json"
    failure = store.read(key)
    assert (failure["state"], failure["reason"]) == ("FAILED", reason or type(error).__name__)
    assert "secret" not in json.dumps(failure)
    assert store.keys("results/") == []


def test_the_error_of_a_run_is_not_hidden_by_one_of_its_failure_record(
    store: Store, answers: Callable[[Store, list[str]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    answers(store, ["AccessDenied"])
    with pytest.raises(KeyError, match="secret"), run(store.objects, store.settings(1)):
        raise KeyError("secret")
    assert capsys.readouterr().err == "fairlane_run: the failure record is not written: ClientError AccessDenied\n"


def test_a_result_that_cannot_be_written_leaves_a_failure(
    store: Store, answers: Callable[[Store, list[str]], None]
) -> None:
    answers(store, ["AccessDenied"])
    with pytest.raises(ClientError), run(store.objects, store.settings(1)) as this:
        this.finish(accuracy=1)
    assert [store.read(key)["reason"] for key in store.keys("failures/")] == ["ClientError"]


def test_an_error_of_a_report_does_not_name_its_value(
    store: Store, answers: Callable[[Store, list[str]], None]
) -> None:
    """The message of Amazon S3 has the key, and the key has the value."""
    answers(store, ["AccessDenied"])
    with pytest.raises(RunError, match="report: the value of step 1 is not written: AccessDenied") as error:  # noqa: SIM117
        with run(store.objects, store.settings(1)) as this:
            this.report(1, accuracy=0.123)
    assert "0.123" not in "".join(format_exception(error.value, limit=0))


def test_foreign_values_of_a_step_are_left_out(store: Store) -> None:
    for name in ("1=0.5", "2=nan", "3=inf", "x=1", "4", "5=high"):
        store.objects.put(f"progress/sweep={SWEEP}/1/{name}")
    store.objects.put(f"progress/sweep={SWEEP}/completed/x")
    progress = Progress(store.objects, SWEEP, 9)
    assert progress.values(1) == {1: 0.5}
    assert progress.completed() == []


def test_metrics_can_have_the_names_of_arguments(store: Store) -> None:
    with run(store.objects, store.settings(1, metric="step")) as this:
        this.report(1, **{"step": 0.5, "self": 2})
        this.finish(**{"step": 0.5, "self": 2})
    assert store.read(RESULT)["metrics"] == {"step": 0.5, "self": 2}


def test_nothing_of_a_run_is_printed(store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    with run(store.objects, store.settings(1)) as this:
        this.report(1, accuracy=0.5)
        this.finish(accuracy=0.75)
    assert capfd.readouterr() == ("", "")


def test_a_run_without_finish_fails(store: Store) -> None:
    with pytest.raises(RunError, match="finish was not called"), run(store.objects, store.settings(1)) as this:
        this.report(1, accuracy=1)
    assert [store.read(key)["reason"] for key in store.keys("failures/")] == ["RunError"]


def change(**values: Any) -> dict[str, str]:
    """Return variables of a run with some members of the settings."""
    settings = {"bucket": BUCKET, "sweep": SWEEP, "metric": "accuracy", "direction": "maximize"} | values
    return {SETTINGS: json.dumps(settings)}


def wrong_finish(metrics: dict[str, Any]) -> Callable[[Any], object]:
    return lambda this: this.finish(**metrics)


def report_steps(*steps: Any) -> Callable[[Any], object]:
    return lambda this: [this.report(step, accuracy=1) for step in steps]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (wrong_finish({"loss": 1}), "finish: accuracy: missing; it is the metric of the sweep"),
        (wrong_finish({"accuracy": float("nan")}), "finish: accuracy: got nan, allowed: a finite number"),
        (wrong_finish({"accuracy": 1, "loss": float("inf")}), "finish: loss: got inf, allowed: a finite number"),
        (wrong_finish({"accuracy": "high", "loss": None}), "finish: accuracy: got str, loss: got NoneType, allowed:"),
        (report_steps(3, 3), "report: step: got 3, allowed: above 3, the step of the previous report"),
        (report_steps(3, 2), "report: step: got 2, allowed: above 3"),
        (report_steps(-1), "report: step: got -1, allowed: a whole number, 0 or more"),
        (report_steps(0.5), "report: step: got 0.5, allowed: a whole number, 0 or more"),
        (lambda this: this.report(1, loss=1), "report: accuracy: missing"),
        (lambda this: (this.finish(accuracy=1), this.finish(accuracy=1)), "finish: the run is finished"),
        (lambda this: (this.finish(accuracy=1), this.report(1, accuracy=1)), "report: the run is finished"),
    ],
)
def test_wrong_use_is_refused(store: Store, call: Callable[[Any], object], message: str) -> None:
    with pytest.raises(RunError) as error, run(store.objects, store.settings(1)) as this:
        call(this)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("line", "change", "message"),
    [
        (3, {}, "index 3 is outside of the manifest, which has 3 lines"),
        (-1, {}, "index -1 is outside of the manifest"),
        (0, {"etag": '"other"'}, "has changed since the submission, or is absent"),
        (0, {"key": "sweeps/absent.jsonl"}, "has changed since the submission, or is absent"),
        (0, {"width": 20}, "line 0 of the manifest sweeps/resnet-lr/manifests/0000.jsonl is not readable"),
    ],
)
def test_a_wrong_manifest_ends_the_process_with_code_2(
    store: Store, capsys: pytest.CaptureFixture[str], line: int, change: dict[str, Any], message: str
) -> None:
    store.manifest |= change
    with pytest.raises(SetupError) as end, run(store.objects, store.settings(line)):
        pytest.fail("must not run")
    assert end.value.code == 2
    assert message in capsys.readouterr().err
    assert store.keys("failures/") == []


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "no run of a sweep: neither the environment variable FAIRLANE_SWEEP nor the hyperparameter"),
        ({"FAIRLANE_SWEEP": "{"}, "the settings of the sweep are not readable"),
        ({"FAIRLANE_SWEEP": "{}"}, "FAIRLANE_SWEEP: missing bucket, sweep, metric, direction"),
        ({"FAIRLANE_SWEEP": "[1]"}, "the settings of the sweep are not readable: AttributeError"),
        (change(manifest={"key": "secret"}), "the settings of the sweep are not readable: KeyError"),
        (change(manifest=["secret"]), "the settings of the sweep are not readable: TypeError"),
        (change(stop={"rule": "secret"}), "the settings of the sweep are not readable: KeyError"),
        (change(stop={"rule": "median", "secret": 1}), "the settings of the sweep are not readable: TypeError"),
        (change() | {"AWS_BATCH_JOB_ARRAY_INDEX": "secret"}, "are not readable: ValueError"),
    ],
)
def test_missing_settings_end_the_process_with_code_2(
    environment: dict[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        read_settings(environment, "absent.json")
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert "secret" not in error


def test_hyperparameters_of_sagemaker_keep_their_types(store: Store, tmp_path: Path) -> None:
    sweep = {"bucket": BUCKET, "sweep": SWEEP, "metric": "accuracy", "direction": "maximize", "index": 7}
    types = {"learning_rate": "json", "model_name": "text", "augment": "json"}
    hyperparameters = {"learning_rate": "0.1", "model_name": "18", "augment": "true", "epochs": "3"}
    path = tmp_path / "hyperparameters.json"
    path.write_text(json.dumps(hyperparameters | {HYPERPARAMETER: json.dumps(sweep | {"types": types})}))
    settings = read_settings({"TRAINING_JOB_NAME": "AWSBatch1"}, str(path))
    with run(store.objects, settings) as this:
        assert this.parameters == {"learning_rate": 0.1, "model_name": "18", "augment": True}
        this.finish(accuracy=1)
    assert store.read(f"results/sweep={SWEEP}/7.json")["job"] == "AWSBatch1"
