"""Servers of the benchmark of the local AWS Batch, each in its own process."""

import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import boto3
from botocore.config import Config

from fairlane_local import LocalAws
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.clock import Clock
from fairlane_local.server.credentials import get_credentials

_START_SECONDS = 60
_KIB_PER_MIB = 1024


@dataclass(frozen=True, slots=True)
class LocalServer:
    """Local AWS in another process.

    Args:
        port: Port that the local AWS listens on.
        access_key: Access key of its clients.
        pipe: Connection to the process.
    """

    port: int
    access_key: str
    pipe: Connection

    def client(self) -> Any:
        """Return a client of its AWS Batch."""
        return _client("batch", self.port, self.access_key)

    def advance(self, seconds: int) -> float:
        """Move the clock forward, and return the CPU seconds that it took."""
        self.pipe.send(seconds)
        return float(self.pipe.recv())

    def use(self) -> tuple[float, int]:
        """Return the CPU seconds and the peak memory in MiB of the process."""
        self.pipe.send(None)
        cpu, mib = self.pipe.recv()
        return cpu, mib


@contextmanager
def local_server(speed: float | None = None) -> Iterator[LocalServer]:
    """Run a local AWS without throttling.

    Args:
        speed: Seconds of its clock for each real second. Default: a manual clock.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, speed), daemon=True)
    process.start()
    theirs.close()
    try:
        port, access_key = ours.recv()
        yield LocalServer(port, access_key, ours)
    finally:
        ours.close()
        process.join()


@contextmanager
def moto_server() -> Iterator[tuple[Any, Any]]:
    """Run moto's server, whose container jobs succeed at once, and yield clients of AWS Batch and IAM."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "moto.server", "-p", str(port)], stderr=subprocess.DEVNULL)
    try:
        _configure(port)
        yield _client("batch", port, "benchmark"), _client("iam", port, "benchmark")
    finally:
        process.terminate()
        process.wait()


def _client(service: str, port: int, access_key: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=f"http://localhost:{port}",
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key="benchmark",
        config=Config(proxies={}),
    )


def _configure(port: int) -> None:
    """Switch off the Docker containers of moto's jobs, once the server responds."""
    request = Request(f"http://localhost:{port}/moto-api/config", b'{"batch": {"use_docker": false}}')
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            urlopen(request).close()
        except URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _serve(pipe: Connection, speed: float | None) -> None:
    with LocalAws(clock=Clock(speed), options=JobOptions(throttle=False)) as aws:
        pipe.send((aws.port, get_credentials(aws.port).access_key))
        while True:
            try:
                seconds = pipe.recv()
            except EOFError:
                return
            if seconds is None:
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                pipe.send((time.process_time(), peak // _KIB_PER_MIB))
            else:
                start = time.process_time()
                aws.timeline.advance(seconds)
                pipe.send(time.process_time() - start)
