"""Templates of a cloud assembly, such as `cdk.out`, as its manifests list them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

MANIFEST: Final = "manifest.json"
_NESTED: Final = ".nested.template.json"


class AssemblyError(ValueError):
    """Manifest that cannot be read, or that lists a file that does not exist. The message is one sentence."""


def template_files(folder: Path) -> Iterator[Path]:
    """Yield the templates of all stacks, also of nested stacks and of stages, in the order of the manifests.

    Other templates in the folder are of stacks that the app no longer has.

    Args:
        folder: Cloud assembly.

    Raises:
        AssemblyError: If a manifest is missing or not valid, or if a listed file is missing.
    """
    manifest = folder / MANIFEST
    if not manifest.exists():
        raise AssemblyError(f"{folder} contains no {MANIFEST}: use the output folder of cdk synth, or one template")
    for artifact in _entries(manifest, "artifacts"):
        properties = artifact.get("properties")
        match artifact.get("type"), properties if isinstance(properties, dict) else {}:
            case "aws:cloudformation:stack", {"templateFile": str(name)}:
                yield _existing(manifest, name)
            case "cdk:cloud-assembly", {"directoryName": str(name)}:
                stage = _existing(manifest, name)
                if folder.resolve() not in stage.resolve().parents:
                    raise AssemblyError(f"{manifest} lists {name}, which is not inside {folder}: run cdk synth again")
                yield from template_files(stage)
            case "cdk:asset-manifest", {"file": str(name)}:
                for file in _entries(_existing(manifest, name), "files"):
                    match file.get("source"):
                        case {"path": str(path)} if path.endswith(_NESTED):
                            yield _existing(manifest, path)


def _existing(manifest: Path, name: str) -> Path:
    path = manifest.parent / name
    if not path.exists():
        raise AssemblyError(f"{manifest} lists {name}, which does not exist: run cdk synth again")
    return path


def _entries(path: Path, key: str) -> list[dict[str, Any]]:
    """Return the values of a manifest's map that are maps themselves."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        entries = content.get(key, {}).values()
    except OSError as error:
        raise AssemblyError(f"cannot read {path}: {error.strerror}") from error
    except (AttributeError, RecursionError, ValueError) as error:
        raise AssemblyError(f"{path} is not a manifest of the AWS CDK: run cdk synth again") from error
    return [entry for entry in entries if isinstance(entry, dict)]
