"""Sweep files: typical files of W&B, and each mistake with its line."""

import json
from pathlib import Path
from typing import Any

import pytest

from fairlane.errors import ConfigurationError, Problem
from fairlane_client.sweeps.plan import Plan
from fairlane_client.sweeps.sweep_file import SweepFile

EXAMPLES = Path(__file__).with_name("wandb")
OURS = "id: search-1\nstore: search\nqueue: gpu-g5\njob_definition: train\n"
PARAMETERS = "parameters: {x: {values: [1, 2]}}\n"
GRID = f"{OURS}method: grid\nmetric: {{name: accuracy, goal: maximize}}\n"


def load(folder: Path, text: str) -> SweepFile:
    path = folder / "sweep.yaml"
    path.write_text(text)
    return SweepFile(path)


def problems(folder: Path, text: str) -> list[str]:
    """Return the problems of a file that is refused."""
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text)
    assert caught.value.subject == str(folder / "sweep.yaml")
    return [*map(str, caught.value.problems)]


def example(name: str) -> str:
    """Return an example file of W&B without its command."""
    lines = (EXAMPLES / f"{name}.yaml").read_text().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("command:", "  - ${", "  - python3")))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        (
            "bayes",
            {
                "metric": "val_loss",
                "direction": "minimize",
                "sampler": "tpe",
                "points": 30,
                "stop": None,
                "space": {
                    "learning_rate": {"min": 0.0001, "max": 0.1},
                    "batch_size": [16, 32, 64],
                    "epochs": [5],
                    "layers": {"min": 2, "max": 8, "distribution": "int_uniform"},
                    "optimizer": ["adam", "sgd"],
                },
            },
        ),
        (
            "random",
            {
                "metric": "accuracy",
                "direction": "maximize",
                "sampler": "random",
                "points": 100,
                "stop": {"rule": "successive-halving", "min_resource": 3, "reduction_factor": 2},
                "space": {
                    "dropout": {"min": 0.1, "max": 0.5, "q": 0.1, "distribution": "q_uniform"},
                    "learning_rate": {"min": 1e-5, "max": 1e-1, "distribution": "log_uniform_values"},
                    "activation": ["relu", "gelu"],
                },
            },
        ),
        (
            "grid",
            {
                "metric": "val_accuracy",
                "direction": "maximize",
                "sampler": None,
                "points": None,
                "stop": None,
                "space": {"learning_rate": [0.001, 0.0005], "fc_layer_size": [128, 256, 512], "pretrained": [True]},
            },
        ),
        (
            "flags",
            {
                "metric": "loss",
                "direction": "minimize",
                "sampler": None,
                "points": None,
                "stop": {"rule": "successive-halving", "min_resource": 3, "reduction_factor": 3},
                "space": {"optimizer": ["sgd", "adam"], "nesterov": [False, True], "temperature": [-1, 0.1, 1]},
            },
        ),
        (
            "layers",
            {
                "metric": "val_accuracy",
                "direction": "maximize",
                "sampler": "random",
                "points": 40,
                "stop": None,
                "space": {
                    "batch_size": {"min": 32, "max": 128, "distribution": "int_uniform"},
                    "epochs": [200],
                    "num_layers": [1, 2, 3],
                    "optimizer": ["Adam", "Adagrad"],
                },
            },
        ),
        (
            "distributions",
            {
                "metric": "loss",
                "direction": "minimize",
                "sampler": "tpe",
                "points": 50,
                "stop": None,
                "space": {
                    "dropout": {"min": 0, "max": 0.6, "distribution": "uniform"},
                    "learning_rate": {"min": 1e-6, "max": 1e-2, "distribution": "log_uniform_values"},
                    "batch_size": {"min": 16, "max": 512, "distribution": "q_log_uniform_values"},
                    "width": {"min": 64, "max": 1024, "q": 32, "distribution": "q_uniform"},
                    "temperature": {"min": 0.1, "max": 10, "distribution": "log_uniform_values"},
                },
            },
        ),
    ],
)
def test_typical_files_of_wandb_load_without_their_command(
    tmp_path: Path, name: str, arguments: dict[str, Any]
) -> None:
    file = load(tmp_path, OURS + example(name))
    defaults = {"sweep_id": "search-1", "store": "search", "repeat": 1, "parallel": None, "seed": 0}
    assert file.arguments == defaults | arguments
    assert file.target["job_definition"] == "train"
    assert [*Plan(**{key: value for key, value in file.arguments.items() if key != "store"}).problems()] == []


def test_keys_that_only_wandb_uses_are_named(tmp_path: Path) -> None:
    assert load(tmp_path, OURS + example("bayes")).unused == ("program", "name", "project")
    assert load(tmp_path, OURS + example("layers")).unused == ("description", "entity", "program")
    assert load(tmp_path, GRID + PARAMETERS).unused == ()


def test_a_file_of_wandb_as_it_is_lacks_the_target_and_has_a_command(tmp_path: Path) -> None:
    found = problems(tmp_path, (EXAMPLES / "random.yaml").read_text())
    command = "the job definition holds the command: remove the key"
    assert [problem.partition(": ")[0] for problem in found if "missing" in problem] == [
        "line 1, store",
        "line 1, id",
        "line 1, queue",
    ]
    assert f"line 2, command: {command}" in found
    assert len(found) == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("early_terminate: {type: hyperband, max_iter: 27, s: 2}", "use min_iter, which is max_iter / eta**s"),
        ("early_terminate: {type: hyperband}", "early_terminate.min_iter: missing; use the step of the first decision"),
        ("early_terminate: {type: envelope, min_iter: 3}", "type: got 'envelope', allowed: hyperband"),
        (
            "early_terminate: {type: hyperband, min_iter: 0}",
            "early_terminate.min_iter: got 0, allowed: a whole number, 1",
        ),
        ("early_terminate: {type: hyperband, min_iter: 3, eta: 1}", "early_terminate.eta: got 1, allowed: a whole"),
        ("early_terminate: {type: hyperband, min_iter: 3}\nstop: {rule: median}", "stop: mutually exclusive with"),
        ("early_terminate: hyperband", "early_terminate: got 'hyperband', allowed: a mapping with type, min_iter, eta"),
        ("stop: {rule: best}", "stop.rule: got 'best', allowed: successive-halving or median"),
        ("stop: {rule: median, min_iter: 3}", "stop.min_iter: unknown; median has startup_runs"),
        ("run_cap: 5", "run_cap: a grid runs all its 2 points: remove the key, or use method random"),
        ("controller: {type: local}", "controller: AWS Batch starts the runs: remove the key"),
        ("job: sagemaker", "job: unknown key; use id, store, method"),
        ("repeat: 0", "repeat: got 0, allowed: a whole number, 1 to 1,000"),
        ("seed: many", "seed: got 'many', allowed: a whole number"),
        ("parallel: 3", "parallel: requires a sampler: a grid runs all its points"),
        ("priority: high", "priority: got 'high', allowed: a whole number, 0 to 9,999"),
        ("environment: {EPOCHS: 3}", "environment.EPOCHS: got 3, allowed: text"),
        ("environment: []", "environment: got [], allowed: a mapping with names and values"),
        ("share_identifier: [a]", "share_identifier: got ['a'], allowed: a share of the queue"),
        ("quota_share: a", "quota_share: only queues for training jobs have quota shares"),
        ("payload: missing.json", "missing.json cannot be read: No such file or directory"),
        ("seed: 1\nseed: 2", "seed: the mapping has this key twice: remove one of them"),
    ],
)
def test_mistakes_have_their_line(tmp_path: Path, text: str, message: str) -> None:
    found = problems(tmp_path, GRID + PARAMETERS + text)
    line = (GRID + PARAMETERS + text).count("\n") + 1
    assert any(message in problem for problem in found), found
    assert any(problem.startswith(f"line {line}, ") for problem in found), found


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("3", "x: got 3, allowed: a mapping with value, values, or min and max"),
        ("{value: 1, values: [2]}", "x: got 'value, values', allowed: one of value, values, or min and max"),
        ("{distribution: uniform}", "x: missing; use one of value, values, or min and max"),
        ("{distribution: log_uniform, min: -5, max: 1}", "exponents there: use log_uniform_values with the numbers"),
        ("{distribution: inv_log_uniform, min: -5, max: 1}", "exponents there: use log_uniform_values with the"),
        ("{distribution: q_log_uniform, min: 1, max: 5, q: 8}", "exponents there: use q_log_uniform_values with the"),
        ("{distribution: categorical_w_probabilities, values: [1], probabilities: [1]}", "all values are equally prob"),
        ("{distribution: even, min: 1, max: 2}", "x.distribution: got 'even', allowed: uniform, log_uniform_values"),
        ("{distribution: uniform, values: [1]}", "x.distribution: got 'uniform', allowed: categorical"),
        (
            "{distribution: q_log_uniform_values, q: 8, min: 32, max: 256}",
            "whole numbers and q 1, as Optuna has no other",
        ),
        (
            "{distribution: inv_log_uniform_values, min: 0, max: 1}",
            "got 0, allowed: a number above 0 for a logarithmic",
        ),
        ("{values: [1, 2], probabilities: [0.3, 0.7]}", "x.probabilities: all values are equally probable"),
        ("{parameters: {y: {value: 1}}}", "x.parameters: nested parameters are not supported"),
        ("{values: [1, null]}", "x: missing; use text, finite numbers, true or false"),
        ("{min: 5, max: 1}", "allowed: finite numbers with min below max"),
    ],
)
def test_parameters(tmp_path: Path, entry: str, message: str) -> None:
    text = f"{OURS}method: random\nrun_cap: 3\nmetric: {{name: accuracy}}\nparameters:\n  x: {entry}\n"
    found = problems(tmp_path, text)
    assert all(problem.startswith("line 9, parameters.x") for problem in found), found
    assert any(message in problem for problem in found), found


@pytest.mark.parametrize("name", ["normal", "q_normal", "log_normal", "q_log_normal", "beta", "q_beta"])
def test_distributions_without_bounds_are_named(tmp_path: Path, name: str) -> None:
    start = f"{OURS}method: random\nrun_cap: 3\nmetric: {{name: accuracy}}\nparameters:\n  x: "
    for entry in (f"{{distribution: {name}}}", f"{{distribution: {name}, mu: 1, sigma: 2, q: 2}}"):
        (found,) = problems(tmp_path, start + entry)
        assert found.startswith(
            f"line 9, parameters.x.distribution: Optuna has no distribution {name}: use min and max"
        )


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = "id: Search\nmethod: hill-climbing\nmetric: {name: a b, goal: best, target: 1}\nparameters: {}\nfoo: 1\n"
    found = problems(tmp_path, text)
    assert [problem.partition(": ")[0] for problem in found] == [
        "line 1, store",
        "line 1, id",
        "line 1, queue",
        "line 1, job_definition",
        "line 2, method",
        "line 3, metric.target",
        "line 3, metric.name",
        "line 3, metric.goal",
        "line 4, parameters",
        "line 5, foo",
    ]


@pytest.mark.parametrize("text", ["", "- 1\n", "text\n"])
def test_a_file_without_keys(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == ["line 1, the file is no mapping: write its keys"]


def test_ranges_require_a_method_that_samples(tmp_path: Path) -> None:
    text = GRID + "parameters:\n  x: {min: 1, max: 3}\n"
    sentence = "grid requires value or values for each parameter: use random or bayes for ranges"
    assert problems(tmp_path, text) == [f"line 5, method: {sentence}"]


def test_a_run_cap_of_all_points_of_a_grid_is_accepted(tmp_path: Path) -> None:
    assert load(tmp_path, GRID + PARAMETERS + "run_cap: 2\n").arguments["points"] is None


def test_a_payload_is_a_mapping_or_a_file_beside_the_sweep_file(tmp_path: Path) -> None:
    payload = {"RoleArn": "arn:aws:iam::111122223333:role/training"}
    (tmp_path / "payload.json").write_text(json.dumps(payload))
    text = GRID.replace("job_definition: train\n", "quota_share: vision\n") + PARAMETERS
    for given in ("payload.json", json.dumps(payload)):
        assert load(tmp_path, f"{text}payload: {given}\n").target["payload"] == payload


def test_problems_of_the_account_have_the_words_and_lines_of_the_file(tmp_path: Path) -> None:
    file = load(tmp_path, GRID + PARAMETERS)
    found = [Problem(("queue",), "gpu-g5", "a queue"), Problem.relation(("sweep_id",), "is taken")]
    assert [*map(str, file.error(found).problems)] == [
        "line 1, id: is taken",
        "line 3, queue: got 'gpu-g5', allowed: a queue",
    ]
