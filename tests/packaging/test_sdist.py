"""Source distribution: built in a working copy that has an environment file of its own."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.support import REPOSITORY


def test_the_sdist_has_the_examples_and_no_other_environment_file(tmp_path: Path) -> None:
    copy, out = tmp_path / "copy", tmp_path / "out"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, copy / name)
    shutil.copytree(REPOSITORY / "environments", copy / "environments")
    (copy / "environments" / "prod.yaml").write_text("region: us-east-1\n")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(out)]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    (archive,) = out.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        environments = {Path(name).name for name in files.getnames() if "/environments/" in name}
    assert environments == {
        "campaigns.json",
        "campaigns.sql",
        "example.yaml",
        "fan-out.yaml",
        "hyperpod.yaml",
        "partial-schema.json",
        "schema.json",
    }
