"""Arguments of hyperpodrun: abbreviations, joined words, values and the script."""

import pytest

from fairlane.hyperpod.launcher_rules import read_call
from fairlane.hyperpod.manifest_launcher import read_container


@pytest.mark.parametrize(
    ("arguments", "options", "script"),
    [
        (["--nproc_per_node=8", "train.py", "--lr=1"], [("nproc-per-node", "8")], 1),
        (["--nproc-per-node", "8", "train.py"], [("nproc-per-node", "8")], 2),
        (["--nn", "2:4", "train.py"], [("nnodes", "2:4")], 2),
        (["--log", "a", "train.py"], [("log", None)], 1),
        (["-t", "3", "-r3", "-m", "package"], [("tee", "3"), ("redirects", "3"), ("module", None)], 4),
        (["--standalone", "--unknown", "train.py"], [("standalone", None), ("unknown", None)], 2),
        (["--role"], [("role", None)], None),
        ([], [], None),
    ],
)
def test_options_end_at_the_script(
    arguments: list[str], options: list[tuple[str, str | None]], script: int | None
) -> None:
    call = read_call(arguments)
    assert [(option.name, option.value) for option in call.options] == options
    assert call.script == script


def test_the_last_option_applies() -> None:
    option = read_call(["--tee=0", "--tee", "3", "train.py"]).option("tee")
    assert option is not None
    assert (option.value, option.index) == ("3", 1)


@pytest.mark.parametrize(
    ("arguments", "writes"),
    [
        (["--tee=3"], True),
        (["-t", "1"], True),
        (["--redirects=0:3,1:0"], True),
        (["--tee=0", "--redirects=1"], True),
        (["--tee=2"], False),
        (["--redirects=1:3"], False),
        (["--tee"], False),
        (["--log-dir=/tmp/hyperpod"], False),
    ],
)
def test_log_files_have_the_output_of_the_first_process(arguments: list[str], writes: bool) -> None:
    assert read_call(arguments).writes_log_files is writes


@pytest.mark.parametrize(
    ("text", "first", "script"),
    [
        ("exec hyperpodrun --tee=3 train.py", True, 1),
        ("set -e; exec /usr/bin/hyperpodrun \\\n  --tee=3 \\\n  train.py --lr=1", True, 1),
        ("hyperpodrun --tee=3 train.py && echo done", False, 1),
        ("hyperpodrun --tee=3; sleep 5", False, None),
        ("exec hyperpodrun --tee=3 'train.py", True, 1),
    ],
)
def test_a_shell_starts_the_launcher(text: str, first: bool, script: int | None) -> None:
    container = read_container((), {"command": ["/bin/bash", "-c"], "args": [text]})
    assert container.call is not None
    assert (container.is_first, container.call.script) == (first, script)
    assert container.call.writes_log_files
    assert set(container.paths) == {("args", 0)}
