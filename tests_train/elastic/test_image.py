import re
from pathlib import Path

import pytest

from tests_train.elastic.training_operator import REPOSITORY

EXAMPLE = REPOSITORY / "examples" / "elastic"
LOCK = REPOSITORY / "requirements" / "train.lock"


def test_the_image_has_the_agent_that_is_tested_and_a_pytorch_that_it_supports() -> None:
    dockerfile = (EXAMPLE / "Dockerfile").read_text()
    (minor,) = re.findall(r"^ARG BASE=pytorch/pytorch:2\.(\d+)\.", dockerfile, flags=re.MULTILINE)
    (agent,) = re.findall(r"hyperpod-elastic-agent==[\d.]+", dockerfile)

    assert 4 <= int(minor) < 12
    assert f"{agent} \\" in LOCK.read_text().splitlines()


def test_the_agent_is_process_1_and_forwards_sigterm() -> None:
    dockerfile = (EXAMPLE / "Dockerfile").read_text()

    assert 'ENTRYPOINT ["hyperpodrun"]' in dockerfile
    assert '"--shutdown-signal=SIGTERM"' in dockerfile
    assert "EXPOSE 8080" in dockerfile


@pytest.mark.parametrize("example", ["elastic", "train"])
def test_pip_may_install_into_the_python_of_ubuntu(example: str) -> None:
    before, _, _ = (EXAMPLE.parent / example / "Dockerfile").read_text().partition("RUN pip install")

    assert "\nENV PIP_BREAK_SYSTEM_PACKAGES=1\n" in before


def test_the_readme_lists_all_options() -> None:
    options = set(re.findall(r'add_argument\("(--[a-z-]+)"', Path(EXAMPLE, "train.py").read_text()))

    readme = (EXAMPLE / "README.md").read_text()
    assert options - {"--epochs", "--seed"} == set(re.findall(r"^\| `(--[a-z-]+)`", readme, flags=re.MULTILINE))
