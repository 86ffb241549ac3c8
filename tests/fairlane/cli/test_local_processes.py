"""Options of `fairlane local start` for jobs that run as processes."""

from pathlib import Path

import pytest

from fairlane.cli import main
from tests.fairlane.cli.test_local import OUTLIVES, free_port
from tests.support import REPOSITORY

TOY = f"toy={REPOSITORY / 'examples' / 'toy'}"


def start(capfd: pytest.CaptureFixture[str], *options: str, port: int = 4641) -> tuple[int, str]:
    try:
        code = main(["local", "start", "--port", str(port), *options])
    except SystemExit as end:
        code = int(str(end.code))
    return code, capfd.readouterr().err


@pytest.fixture(autouse=True)
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--jobs", "processes", "--speed", "60"], "--speed: processes take the time that they take; leave it out"),
        (["--jobs", "processes", "--clock", "manual"], "--clock: processes take the time that they take"),
        (["--jobs", "processes", "--run-seconds", "9"], "--run-seconds: processes take the time"),
        (["--jobs", "processes", "--image", "a=/none"], "--image a=/none: the directory does not exist"),
        (["--image", TOY], "only for jobs that run as processes; add --jobs processes"),
        (["--processes", "2"], "only for jobs that run as processes; add --jobs processes"),
        (["--image", "toy"], "got 'toy', allowed: NAME=DIR"),
        (["--processes", "0"], "got '0', allowed: a whole number, 1 or more"),
        (["--jobs", "containers"], "invalid choice: 'containers'"),
    ],
)
def test_wrong_options_are_refused(capfd: pytest.CaptureFixture[str], options: list[str], message: str) -> None:
    code, error = start(capfd, *options)
    assert code in (1, 2)
    assert message in error


@pytest.mark.slow
@OUTLIVES
def test_start_with_processes(capfd: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    try:
        options = ["--jobs", "processes", "--image", TOY, "--processes", "1", "--memory", "64", "--disk", "32"]
        assert start(capfd, *options, port=port) == (0, "")
        code, error = start(capfd, "--jobs", "processes", port=port)
        assert (code, "its clock and jobs cannot be changed" in error) == (1, True)
    finally:
        main(["local", "stop", "--port", str(port)])
