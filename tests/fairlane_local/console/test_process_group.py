"""`fairlane local demo` at a signal: the CDK CLI and all its processes end."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fairlane_local.console.process_group import exit_on_signals, run_in_group
from tests.support import REPOSITORY, default_signals

pytestmark = pytest.mark.slow

DEMO = [sys.executable, "-m", "fairlane.cli", "local", "demo"]
CDK_CLI = """#!/bin/sh
# Stands for the CDK CLI, with the app as a child process. Both run until a signal ends them, and hold standard output.
{trap}
sh -c '{trap}
echo "app of $AWS_ENDPOINT_URL"; tail -f /dev/null; true' &
wait
tail -f /dev/null
"""
IGNORES_SIGNALS = "trap : TERM HUP INT"


@pytest.fixture(autouse=True)
def end_at_signals() -> Iterator[None]:
    with default_signals():
        yield


def start_demo(directory: Path, trap: str, *prefix: str) -> subprocess.Popen[str]:
    """Start the demo of a folder with a stub as the CDK CLI, and wait until the stub has started its child process."""
    (directory / "environments").mkdir()
    example = (REPOSITORY / "environments" / "example.yaml").read_text()
    (directory / "environments" / "example.yaml").write_text(example)
    cdk = directory / "node_modules" / ".bin" / "cdk"
    cdk.parent.mkdir(parents=True)
    cdk.write_text(CDK_CLI.format(trap=trap))
    cdk.chmod(0o700)
    (directory / "tmp").mkdir()
    demo = subprocess.Popen(
        [*prefix, *DEMO],
        cwd=directory,
        env=os.environ | {"TMPDIR": str(directory / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout is not None
    assert any(line.startswith("app of http") for line in demo.stdout)
    return demo


@pytest.mark.parametrize(
    ("number", "trap"),
    [(signal.SIGTERM, ""), (signal.SIGINT, ""), (signal.SIGHUP, ""), (signal.SIGTERM, IGNORES_SIGNALS)],
)
def test_a_signal_to_the_demo_ends_all_processes_of_the_cdk_cli(
    tmp_path: Path, number: signal.Signals, trap: str
) -> None:
    with start_demo(tmp_path, trap) as demo:
        demo.send_signal(number)
        output, _ = demo.communicate(timeout=60)  # ends when no process holds standard output
    assert demo.returncode == 128 + number
    assert "Traceback" not in output
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_demo_under_nohup_keeps_running_at_sighup(tmp_path: Path) -> None:
    with start_demo(tmp_path, "", "nohup") as demo:
        demo.send_signal(signal.SIGHUP)
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=60)
    assert demo.returncode == 128 + signal.SIGTERM


def test_further_signals_do_not_interrupt_the_cleanup() -> None:
    def clean_up() -> None:
        with exit_on_signals():
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGHUP)
                signal.raise_signal(signal.SIGINT)
                ended.append(True)

    ended: list[bool] = []
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit, match=re.escape(str(128 + signal.SIGTERM))):
        clean_up()
    assert ended == [True]
    assert signal.getsignal(signal.SIGTERM) is handler


def test_a_signal_while_a_command_starts_ends_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    popen = subprocess.Popen
    started = []

    def start_at_a_signal(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(popen(*arguments, **options))
        signal.raise_signal(signal.SIGTERM)
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", start_at_a_signal)
    with pytest.raises(SystemExit), exit_on_signals():
        run_in_group(["tail", "-f", "/dev/null"], directory=tmp_path, environment=os.environ)
    assert started[0].returncode == -signal.SIGTERM
