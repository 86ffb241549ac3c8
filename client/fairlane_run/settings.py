"""Settings of a run, from the environment of an AWS Batch job or from the hyperparameters of SageMaker.

`fairlane_client.sweeps` writes them. `SETTINGS` holds one JSON object with the members of `Settings`.
"""

from __future__ import annotations

import json
import os

from fairlane_run.errors import SetupError
from fairlane_run.stopping import Median, SuccessiveHalving, stop_rule

TYPE_CHECKING = False  # typing takes milliseconds of each start
if TYPE_CHECKING:
    from typing import Any

SETTINGS = "FAIRLANE_SWEEP"
HYPERPARAMETER = "fairlane-sweep"
INDEX = "AWS_BATCH_JOB_ARRAY_INDEX"
HYPERPARAMETERS_FILE = "/opt/ml/input/config/hyperparameters.json"
_REQUIRED = ("bucket", "sweep", "metric", "direction")
_MANIFEST = {"key": str, "etag": str, "width": int, "lines": int}


class Settings:
    """Sweep, place in it, and stop rule of a run.

    Attributes:
        bucket: Bucket of the sweep store.
        sweep: Id of the sweep.
        metric: Metric that the sweep compares.
        direction: `maximize` or `minimize`.
        rule: Stop rule. None without one.
        manifest: Key, ETag, number of lines and bytes of a line of the manifest. None on SageMaker.
        index: Line of the manifest, or the index of the point on SageMaker.
        parameters: Parameters on SageMaker. None if the line of the manifest holds them.
        job: ID of the job.
        attempt: Number of the attempt, from 1.
    """

    def __init__(self, values: dict[str, Any], environment: dict[str, str], parameters: dict[str, Any] | None) -> None:
        missing = [name for name in _REQUIRED if not isinstance(values.get(name), str)]
        if missing:
            raise SetupError(f"{SETTINGS}: missing {', '.join(missing)}")
        self.bucket: str = values["bucket"]
        self.sweep: str = values["sweep"]
        self.metric: str = values["metric"]
        self.direction: str = values["direction"]
        self.rule: SuccessiveHalving | Median | None = stop_rule(values.get("stop"), self.direction)
        self.manifest: dict[str, Any] | None = values.get("manifest")
        if self.manifest is not None:
            self.manifest = {name: kind(self.manifest[name]) for name, kind in _MANIFEST.items()}
        self.parameters = parameters
        self.index = int(values["index"] if parameters is not None else environment.get(INDEX, "0"))
        self.job = environment.get("AWS_BATCH_JOB_ID") or environment.get("TRAINING_JOB_NAME", "")
        self.attempt = int(environment.get("AWS_BATCH_JOB_ATTEMPT", "1"))


def read_settings(environment: dict[str, str] | None = None, path: str = HYPERPARAMETERS_FILE) -> Settings:
    """Return the settings of this container.

    Args:
        environment: Environment variables. Default: those of the process.
        path: File with SageMaker's hyperparameters.

    Raises:
        SetupError: If the container has no settings, or if they are not readable.
    """
    variables = dict(os.environ) if environment is None else environment
    try:
        if SETTINGS in variables:
            return Settings(json.loads(variables[SETTINGS]), variables, None)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                hyperparameters: dict[str, str] = json.load(file)
            if HYPERPARAMETER in hyperparameters:
                values = json.loads(hyperparameters.pop(HYPERPARAMETER))
                return Settings(values, variables, _parameters(hyperparameters, values["types"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SetupError(f"the settings of the sweep are not readable: {type(error).__name__}") from None
    raise SetupError(
        f"no run of a sweep: neither the environment variable {SETTINGS} "
        f"nor the hyperparameter {HYPERPARAMETER} is set. Submit the sweep with fairlane_client.sweeps"
    )


def _parameters(hyperparameters: dict[str, str], types: dict[str, str]) -> dict[str, Any]:
    """Return the parameters of a SageMaker job. `types` has `text` or `json` for each; others are the job's own."""
    texts = {name: hyperparameters[name] for name in types}
    return {name: text if types[name] == "text" else json.loads(text) for name, text in texts.items()}
