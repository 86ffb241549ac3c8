"""What a training run is told: hyperparameters and places, read the same from SageMaker and from AWS Batch.

SageMaker writes hyperparameters into a JSON file below `/opt/ml`, all of them strings; a Batch job gives them as
options of its command, and those win. A name may be written with hyphens or underscores.
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


class WrongSettings(ValueError):  # noqa: N818 (it says what is wrong)
    """All that is wrong with the settings; `failure` is the file that SageMaker reads the reason from."""

    def __init__(self, problems: Sequence[str], failure: Path) -> None:
        super().__init__("\n  - ".join([f"{len(problems)} wrong settings", *problems]))
        self.failure = failure


@dataclass(frozen=True)
class Settings:
    """What a training run is told; relative places are below `root`."""

    epochs: Annotated[int, kinds.whole(1)] = 5
    batch_size: Annotated[int, kinds.whole(1, meaning=", for each process")] = 32
    learning_rate: Annotated[float, kinds.number("a number above 0", lambda value: 0 < value < math.inf)] = 0.1
    dropout: Annotated[float, kinds.number("a number from 0, below 1", lambda value: 0 <= value < 1)] = 0.1
    seed: Annotated[int, kinds.whole(0, 2**31)] = 0
    precision: Annotated[str, kinds.one_of("auto", "bfloat16", "float16", "float32")] = "auto"
    checkpoint_every: Annotated[int, kinds.whole(1, meaning=", in steps")] = 100
    log_every: Annotated[int, kinds.whole(1, meaning=", in steps")] = 10
    exit_code_when_stopped: Annotated[int, kinds.whole(0, 255)] = 143
    processes: Annotated[int, kinds.whole(0, meaning=" on each machine; 0 is one for each GPU, or one in all")] = 0
    channel: Annotated[str, kinds.name("the name of a SageMaker input channel")] = "training"
    data: Annotated[Path | None, kinds.place(" of a folder with *.pt files; the channel's, if not given")] = None
    checkpoints: Annotated[Path, kinds.place(", the same for all attempts of a job")] = Path("checkpoints")
    model: Annotated[Path, kinds.place(" of a folder for the trained model")] = Path("model")
    root: Annotated[Path, kinds.place(", where SageMaker puts everything")] = Path("/opt/ml")

    @property
    def failure(self) -> Path:
        """The file that SageMaker reads the reason of a failure from."""
        return self.root / "output" / "failure"


def read_settings(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this run.

    Each child of a Batch array job has its own seed, and its own folder for checkpoints and for the model.

    Raises:
        WrongSettings: with every value that cannot be right.
    """
    options, problems = _options(arguments)
    root = Path(options.get("root", "/opt/ml"))
    known = _kinds()
    values: dict[str, Any] = {}
    for name, text in {**_hyperparameters(root, problems), **options, "root": str(root)}.items():
        if name not in known:
            problems.append(f"{name}: got {text!r}, allowed: one of the settings {', '.join(known)}")
            continue
        try:
            values[name] = known[name].read(text)
        except ValueError:
            problems.append(f"{name}: got {text!r}, allowed: {known[name].allowed}")
    settings = _placed(Settings(**values), problems)
    if problems:
        raise WrongSettings(problems, settings.failure)
    child = environment.get("AWS_BATCH_JOB_ARRAY_INDEX")
    if child is None:
        return settings
    own = f"child-{child}"
    seed = settings.seed + int(child)
    return replace(settings, seed=seed, checkpoints=settings.checkpoints / own, model=settings.model / own)


def read_settings_or_exit(arguments: Sequence[str]) -> Settings:
    """The settings of this run; where they are wrong, ends the process with code 2 after saying all that is wrong."""
    try:
        return read_settings(arguments)
    except WrongSettings as error:
        report_failure(error.failure, str(error))
        print(error, file=sys.stderr)
        sys.exit(2)


def report_failure(path: Path, reason: str) -> None:
    """Tells SageMaker why the job failed; the first process that fails is the one that knows."""
    with suppress(OSError):  # there may be no such folder on AWS Batch
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
    path = root / "input" / "config" / "hyperparameters.json"
    if not path.exists():
        return {}
    try:
        given = dict(json.loads(path.read_text()))
    except (TypeError, ValueError) as error:
        problems.append(f"{path}: {error}")
        return {}
    # SageMaker's SDK adds names of its own, and puts quotation marks around strings.
    ours = {name: str(value).strip('"') for name, value in given.items() if not name.startswith("sagemaker_")}
    return {name.replace("-", "_"): value for name, value in ours.items()}


def _placed(settings: Settings, problems: list[str]) -> Settings:
    root, channels = settings.root, settings.root / "input" / "data"
    there = sorted(path.name for path in channels.glob("*") if path.is_dir())
    if settings.data is None and there and settings.channel not in there:
        problems.append(f"channel: got {settings.channel!r}, allowed: one of {', '.join(there)}")
    channel = channels / settings.channel
    data = root / settings.data if settings.data else channel if channel.exists() else None
    if data and not any(data.glob("*.pt")):
        problems.append(f"data: got {str(data)!r}, allowed: a folder with *.pt files")
    return replace(settings, data=data, checkpoints=root / settings.checkpoints, model=root / settings.model)
