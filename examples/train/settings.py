"""Settings of a training run: hyperparameters and paths, from SageMaker or from AWS Batch.

SageMaker writes hyperparameters as strings into a JSON file below `/opt/ml`. A Batch job passes them as options of its
command. Options take precedence. Names can have hyphens or underscores. In a sweep, `fairlane_run` passes parameters as
environment variables, which take precedence over both.
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import kinds
from kinds import Kind

SWEPT = ("epochs", "batch_size", "learning_rate", "dropout", "seed", "precision")
"""Settings that a sweep can vary."""
POINT = "FAIRLANE_SWEEP_POINT"
"""Environment variable with the id of the sweep and the index of its point."""


class WrongSettings(ValueError):  # noqa: N818
    """Wrong settings of a run, all in one error. `failure` is the file from which SageMaker reads the reason."""

    def __init__(self, problems: Sequence[str], failure: Path) -> None:
        super().__init__("\n  - ".join([f"{len(problems)} wrong settings", *problems]))
        self.failure = failure


@dataclass(frozen=True)
class Settings:
    """Settings of a training run. Relative paths are below `root`."""

    epochs: Annotated[int, kinds.whole(1)] = 5
    batch_size: Annotated[int, kinds.whole(1, meaning=", for each process")] = 32
    learning_rate: Annotated[float, kinds.number("a number above 0", lambda value: 0 < value < math.inf)] = 0.1
    dropout: Annotated[float, kinds.number("a number from 0, below 1", lambda value: 0 <= value < 1)] = 0.1
    seed: Annotated[int, kinds.whole(0, 2**31)] = 0
    precision: Annotated[str, kinds.one_of("auto", "bfloat16", "float16", "float32")] = "auto"
    checkpoint_every: Annotated[int, kinds.whole(1, meaning=", in steps")] = 100
    log_every: Annotated[int, kinds.whole(1, meaning=", in steps")] = 10
    exit_code_when_stopped: Annotated[int, kinds.whole(0, 255)] = 143
    processes: Annotated[
        int, kinds.whole(0, meaning=", on each instance; 0 means one for each GPU, or one without a GPU")
    ] = 0
    channel: Annotated[str, kinds.name("the name of a SageMaker input channel")] = "training"
    data: Annotated[Path | None, kinds.place(" to a folder with *.pt files; default: the folder of the channel")] = None
    checkpoints: Annotated[Path, kinds.place(", the same for all attempts of a job")] = Path("checkpoints")
    model: Annotated[Path, kinds.place(" to a folder for the trained model")] = Path("model")
    root: Annotated[Path, kinds.place(" to the folder with SageMaker's files")] = Path("/opt/ml")

    @property
    def failure(self) -> Path:
        """File from which SageMaker reads the reason of a failure."""
        return self.root / "output" / "failure"


def read_settings(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of this run.

    Each child of a Batch array job has its own seed, and its own folders for checkpoints and for the model. Each point
    of a sweep has its own folders, because a resumed sweep gives the point to another child.

    Raises:
        WrongSettings: If settings are wrong, with all of them.
    """
    options, problems = _options(arguments)
    root = Path(options.get("root", "/opt/ml"))
    kinds_by_name = _kinds()
    values: dict[str, Any] = {}
    point = environment.get(POINT)
    swept = {name: environment[name.upper()] for name in SWEPT if point and name.upper() in environment}
    for name, text in {**_hyperparameters(root, problems), **options, **swept, "root": str(root)}.items():
        if name not in kinds_by_name:
            problems.append(f"{name}: got {text!r}, allowed: one of the settings {', '.join(kinds_by_name)}")
            continue
        try:
            values[name] = kinds_by_name[name].read(text)
        except ValueError:
            problems.append(f"{name}: got {text!r}, allowed: {kinds_by_name[name].allowed}")
    settings = _with_paths(Settings(**values), problems)
    if problems:
        raise WrongSettings(problems, settings.failure)
    child = environment.get("AWS_BATCH_JOB_ARRAY_INDEX")
    if point is None and child is None:
        return settings
    folder = point or f"child-{child}"
    seed = settings.seed if point else settings.seed + int(child or 0)
    return replace(settings, seed=seed, checkpoints=settings.checkpoints / folder, model=settings.model / folder)


def read_settings_or_exit(arguments: Sequence[str]) -> Settings:
    """Return the settings of this run. If settings are wrong, print all of them and exit with code 2."""
    try:
        return read_settings(arguments)
    except WrongSettings as error:
        report_failure(error.failure, str(error))
        print(error, file=sys.stderr)
        sys.exit(2)


def is_in_sweep(root: Path, environment: Mapping[str, str] = os.environ) -> bool:
    """Return True if this job is a run of a sweep, on AWS Batch or on SageMaker."""
    file = hyperparameters_file(root)
    return "FAIRLANE_SWEEP" in environment or (file.exists() and '"fairlane-sweep"' in file.read_text())


def hyperparameters_file(root: Path) -> Path:
    """Return the path of SageMaker's file with the hyperparameters."""
    return root / "input" / "config" / "hyperparameters.json"


def report_failure(path: Path, reason: str) -> None:
    """Write the reason of a failure for SageMaker. The reason of the first process that fails counts."""
    with suppress(OSError):  # on AWS Batch, the folder may not exist
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x") as file:
            file.write(reason)


def _kinds() -> dict[str, Kind]:
    hints = get_type_hints(Settings, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}


def _options(arguments: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    parser = argparse.ArgumentParser(allow_abbrev=False, exit_on_error=False, argument_default=argparse.SUPPRESS)
    for name, kind in _kinds().items():
        parser.add_argument(f"--{name.replace('_', '-')}", f"--{name}", help=kind.allowed)
    try:
        options, unknown = parser.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        return {}, [f"command line: {error}"]
    return vars(options), [f"command line: got {word!r}, allowed: the options of --help" for word in unknown]


def _hyperparameters(root: Path, problems: list[str]) -> dict[str, str]:
    path = hyperparameters_file(root)
    if not path.exists():
        return {}
    try:
        raw = dict(json.loads(path.read_text()))
    except (TypeError, ValueError) as error:
        problems.append(f"{path}: {error}")
        return {}
    # SageMaker's SDK and sweeps add their own names, and the SDK puts quotation marks around strings.
    others = ("sagemaker_", "fairlane-")
    values = {name: str(value).strip('"') for name, value in raw.items() if not name.startswith(others)}
    return {name.replace("-", "_"): value for name, value in values.items()}


def _with_paths(settings: Settings, problems: list[str]) -> Settings:
    root, channels = settings.root, settings.root / "input" / "data"
    names = sorted(path.name for path in channels.glob("*") if path.is_dir())
    if settings.data is None and names and settings.channel not in names:
        problems.append(f"channel: got {settings.channel!r}, allowed: one of {', '.join(names)}")
    channel = channels / settings.channel
    data = root / settings.data if settings.data else channel if channel.exists() else None
    if data and not any(data.glob("*.pt")):
        problems.append(f"data: got {str(data)!r}, allowed: a folder with *.pt files")
    return replace(settings, data=data, checkpoints=root / settings.checkpoints, model=root / settings.model)
