"""Scripts that run unchanged as runs of a sweep."""

import json
from pathlib import Path

import pytest
from moto import mock_aws

from fairlane_run import __main__ as wrapper
from tests.fairlane_run.conftest import SWEEP, Store

PATTERN = "accuracy=Val Acc: ([0-9.]+)"
SCRIPT = """
import os, signal, sys, time
print("lr", os.environ["LEARNING_RATE"], os.environ["MODEL_NAME"], os.environ["FAIRLANE_SWEEP_POINT"], *sys.argv[1:])
for epoch in range(1, 4):
    print(f"Epoch {epoch}/3 - Loss: 0.4213 - Train Acc: 85.10% - Val Acc: {80 + epoch}.20%", flush=True)
if "fail" in sys.argv:
    sys.exit(3)
if "wait" in sys.argv:
    signal.pause()
"""


@pytest.fixture
def script(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("fairlane_run.objects._client", lambda: store.client)
    use(store, monkeypatch)
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    return str(path)


def use(store: Store, monkeypatch: pytest.MonkeyPatch, **values: object) -> None:
    for name, value in store.environment(1, **values).items():
        monkeypatch.setenv(name, value)


def test_a_script_gets_parameters_and_its_output_gives_metrics(
    script: str, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--metric", PATTERN, "--metric", "loss=Loss: ([0-9.]+)", script, "--epochs", "3"]
    assert wrapper.main(arguments) == 0
    result = store.read(f"results/sweep={SWEEP}/41.json")
    assert (result["metrics"], result["step"]) == ({"accuracy": 83.2, "loss": 0.4213}, 3)
    assert [key.split("/", 2)[2] for key in store.keys("progress/")] == ["1/41=81.2", "2/41=82.2", "3/41=83.2"]
    output = capsys.readouterr().out.splitlines()
    assert output[0] == f"lr 0.1 resnet18 {SWEEP}/41 --epochs 3"
    assert len(output) == 4


def test_a_command_follows_two_hyphens(script: str, store: Store) -> None:
    assert wrapper.main(["--metric", PATTERN, "--", "sh", "-c", "echo Val Acc: 1; echo Val Acc: 1.2.3"]) == 0
    assert store.read(f"results/sweep={SWEEP}/41.json")["value"] == 1


def test_the_exit_code_of_a_script_is_kept(script: str, store: Store) -> None:
    with pytest.raises(SystemExit) as end:
        wrapper.main(["--metric", PATTERN, script, "fail"])
    assert end.value.code == 3
    assert [store.read(key)["reason"] for key in store.keys("failures/")] == ["exit code 3"]
    assert store.keys("results/") == []


def test_a_signal_is_an_exit_code(script: str, store: Store) -> None:
    with pytest.raises(SystemExit) as end:
        wrapper.main(["--metric", PATTERN, "--", "sh", "-c", "kill -KILL $$"])
    assert end.value.code == 137


def test_a_stopped_script_is_terminated_and_succeeds(
    script: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(4):
        store.objects.put(f"progress/sweep={SWEEP}/1/{index}=90.0")
    use(store, monkeypatch, stop={"rule": "successive-halving"})
    assert wrapper.main(["--metric", PATTERN, script, "wait"]) == 0
    result = store.read(f"results/sweep={SWEEP}/41.json")
    assert (result["state"], result["value"], result["step"]) == ("STOPPED", 81.2, 1)


def test_a_run_that_fails_ends_its_script(script: str, store: Store) -> None:
    """The script would wait forever."""
    arguments = ["--metric", "accuracy=Acc: (inf)", "--", "sh", "-c", "echo Acc: inf; exec sleep 1000"]
    assert wrapper.main(arguments) == 1
    assert [store.read(key)["reason"] for key in store.keys("failures/")] == ["RunError"]


LONG_SCRIPT = """
import os
rate, size, epochs = float(os.environ["LEARNING_RATE"]), int(os.environ["BATCH_SIZE"]), int(os.environ["EPOCHS"])
names = ("MODEL_NAME", "S3_DATA_PATH", "S3_OUTPUT_PATH", "AWS_BATCH_JOB_ID", "FAIRLANE_SWEEP_POINT")
print(rate, size, *(os.environ[name] for name in names))
for epoch in range(1, epochs + 1):
    loss, train, val = 0.4213 / epoch, 85.10 + epoch / 10, 81.20 + epoch / 10
    print(f"Epoch {epoch}/{epochs} - Loss: {loss:.4f} - Train Acc: {train:.2f}% - Val Acc: {val:.2f}%")
"""


def test_a_script_of_an_array_job_runs_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "train.py"
    path.write_text(LONG_SCRIPT)
    parameters = {"learning_rate": 1e-4, "batch_size": 64, "epochs": 20, "model_name": "resnet50"}
    with mock_aws():
        store = Store([{"index": 30, "parameters": {}}, {"index": 31, "parameters": parameters}])
        monkeypatch.setattr("fairlane_run.objects._client", lambda: store.client)
        monkeypatch.setenv("S3_DATA_PATH", "s3://data/in")
        monkeypatch.setenv("S3_OUTPUT_PATH", "s3://data/out")
        use(store, monkeypatch)
        patterns = {"accuracy": "Val Acc: ([0-9.]+)", "train": "Train Acc: ([0-9.]+)", "loss": "Loss: ([0-9.]+)"}
        options = [text for name, pattern in patterns.items() for text in ("--metric", f"{name}={pattern}")]
        assert wrapper.main([*options, str(path)]) == 0
        result = store.read(f"results/sweep={SWEEP}/31.json")
        assert len(store.keys("progress/")) == 20
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"0.0001 64 resnet50 s3://data/in s3://data/out job:1 {SWEEP}/31"
    assert lines[3] == "Epoch 3/20 - Loss: 0.1404 - Train Acc: 85.40% - Val Acc: 81.50%"
    assert len(lines) == 21
    assert (result["step"], result["value"]) == (20, 83.2)
    assert result["metrics"] == {"accuracy": 83.2, "train": 87.1, "loss": 0.0211}


def test_a_script_that_prints_no_metric_fails(script: str, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert wrapper.main(["--metric", PATTERN, "--", "true"]) == 1
    assert "finish: accuracy: missing; it is the metric of the sweep" in capsys.readouterr().err
    assert json.dumps([store.read(key)["reason"] for key in store.keys("failures/")]) == '["RunError"]'


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "usage: python3 -m fairlane_run"),
        (["--"], "usage:"),
        (["--unknown", "train.py"], "usage:"),
        (["--metric"], "--metric: got '', allowed: NAME=PATTERN with a name"),
        (["--metric", "accuracy", "train.py"], "--metric: got 'accuracy', allowed: NAME=PATTERN with a name"),
        (["--metric", "accuracy=Acc", "train.py"], "allowed: NAME=PATTERN with one group"),
        (["--metric", "accuracy=(", "train.py"], "allowed: NAME=PATTERN with a regular expression (missing )"),
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert wrapper.main(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_missing_pattern_is_refused(script: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        wrapper.main(["--metric", "loss=Loss: ([0-9.]+)", script])
    assert end.value.code == 2
    assert "--metric: got loss, required: accuracy, the metric of the sweep" in capsys.readouterr().err
