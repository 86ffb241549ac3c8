"""Point of a run: its index in the sweep and its parameters."""

from __future__ import annotations

import json

from fairlane_run.errors import SetupError
from fairlane_run.objects import Objects
from fairlane_run.settings import Settings

TYPE_CHECKING = False  # typing takes milliseconds of each start
if TYPE_CHECKING:
    from typing import Any


def read_point(settings: Settings, objects: Objects) -> tuple[int, dict[str, Any]]:
    """Return the index and the parameters of a point. Only its line of the manifest is read.

    Args:
        settings: Settings of the run.
        objects: Objects of the sweep.

    Raises:
        SetupError: If the manifest has changed since the submission, or if it has no such line.
    """
    if settings.parameters is not None:
        return settings.index, settings.parameters
    manifest = settings.manifest
    if manifest is None:
        raise SetupError("the settings of the sweep name no manifest")
    if not 0 <= settings.index < manifest["lines"]:
        raise SetupError(f"index {settings.index} is outside of the manifest, which has {manifest['lines']} lines")
    width: int = manifest["width"]
    line = objects.read_range(manifest["key"], manifest["etag"], settings.index * width, width)
    if line is None:
        raise SetupError(f"the manifest {manifest['key']} has changed since the submission, or is absent")
    try:
        record = json.loads(line)
        return int(record["index"]), dict(record["parameters"])
    except (ValueError, KeyError, TypeError):
        raise SetupError(f"line {settings.index} of the manifest {manifest['key']} is not readable") from None
