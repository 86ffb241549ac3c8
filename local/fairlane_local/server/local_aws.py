"""Local AWS: moto's server with the missing resources. All resources are lost when the server stops."""

import errno
import json
import socket
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Final

from moto.core.config import default_user_config
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wsgi import ClosingIterator

from fairlane_local.athena.api import stop_queries
from fairlane_local.batch import api
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.clock import Clock
from fairlane_local.ecr import resources as ecr
from fairlane_local.errors import LocalAwsError
from fairlane_local.functions import stop_functions
from fairlane_local.hyperpod.store import cluster_names
from fairlane_local.hyperpod.training.operators import Operators, set_operators
from fairlane_local.kubernetes import clusters as kubernetes
from fairlane_local.kubernetes.access import split_path
from fairlane_local.page.access import PAGE
from fairlane_local.page.application import PageApplication
from fairlane_local.processes.instance import check_namespaces
from fairlane_local.processes.runner import Runner
from fairlane_local.server import control, services
from fairlane_local.server.certificates import CertificateAuthority
from fairlane_local.server.credentials import get_credentials, new_credentials, register, save
from fairlane_local.server.guard import CONTROL, Guard
from fairlane_local.server.proxy import request_handler
from fairlane_local.simulation import Simulation, set_simulation
from fairlane_local.step_functions.threads import Executions, set_executions
from fairlane_local.timeline import Timeline

HOST: Final = "127.0.0.1"
_HOST_IPV6: Final = "::1"
_STOP_SECONDS: Final = 0.02


class LocalAws:
    """Local AWS in this process, as a context manager. It starts empty; a process can run one at a time.

    Every account and Region is bootstrapped for the CDK. Requests need the access key of this start, which `client` and
    `tools_environment` use, or one that the local AWS issued. The account is 123456789012 until a role of another
    account is assumed. The port is also an HTTPS proxy for the hosts of AWS, which the local AWS serves itself.

    Args:
        port: Port to listen on, 0 to 65,535. 0 selects a free port. Default: 0.
        clock: Clock of the jobs. Default: real time.
        options: Options of the jobs. Default: `JobOptions()`.

    Attributes:
        port: Port that the local AWS listens on.
        timeline: Events of the jobs. `timeline.advance` moves a manual clock.
        endpoint_url: Value of `AWS_ENDPOINT_URL` for AWS tools.

    Raises:
        LocalAwsError: If another program uses the port.
    """

    def __init__(self, port: int = 0, *, clock: Clock | None = None, options: JobOptions | None = None) -> None:
        services.install()
        moto_api_backend.reset()
        self.timeline = Timeline(clock or Clock())
        simulation = Simulation(self.timeline, options or JobOptions())
        _check(simulation)
        set_simulation(simulation)
        for service in ("batch", "lambda"):
            default_user_config[service] = {"use_docker": False}
        authority = CertificateAuthority()
        handler = request_handler(authority)
        self._servers = [_server(listener, self._respond, handler) for listener in _listeners(port)]
        self.port = simulation.port = int(self._servers[0].server_address[1])
        self._executions = Executions(self.timeline, self.port)
        set_executions(self._executions)
        # Moto would interpret 127.0.0.1 as the name of an S3 bucket.
        self.endpoint_url = f"http://localhost:{self.port}"
        self._moto = _Dispatcher(create_backend_app)
        self._directory = tempfile.TemporaryDirectory(prefix="fairlane-local-")
        ca_file = Path(self._directory.name, "ca.pem")
        ca_file.write_bytes(authority.pem)
        credentials = new_credentials(ca_file)
        self._page = PageApplication(credentials.page_key)
        self._guard = Guard(self._respond_to_user, self.port, credentials)
        register(self.port, credentials)
        if simulation.options.processes is not None:
            milliseconds = lambda: int(self.timeline.clock.now() * 1000)  # noqa: E731  # a run does not hold the lock
            simulation.runner = Runner(simulation.options.processes, milliseconds, self.port)
        self._runner = simulation.runner
        self._operators = Operators(simulation)
        set_operators(self._operators)

    def __enter__(self) -> "LocalAws":
        Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shut_down()
        for server in self._servers:
            server.server_close()
        register(self.port, None)
        self._operators.close()
        if self._runner is not None:
            self._runner.close()
        self._directory.cleanup()

    def save_credentials(self) -> None:
        """Save the credentials for all processes of this user. A killed process then leaves no temporary file."""
        register(self.port, save(self.port, get_credentials(self.port)))
        self._directory.cleanup()

    def serve(self) -> None:
        """Serve requests until the server is stopped."""
        threads = [Thread(target=server.serve_forever, daemon=True) for server in self._servers]
        for thread in threads:
            thread.start()
        self.timeline.start()
        for thread in threads:
            thread.join()

    def _shut_down(self) -> None:
        self.timeline.stop()
        self._executions.stop()
        stop_functions()
        stop_queries()
        for server in self._servers:
            _stop(server)

    def _respond(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self._guard(environ, start_response)

    def _respond_to_user(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(PAGE):
            return self._page(environ, start_response)
        if split_path(environ["PATH_INFO"]) is not None:
            return kubernetes.respond(environ, start_response)
        if environ["PATH_INFO"] != CONTROL:
            return self._moto(environ, start_response)  # type: ignore[no-any-return]
        status, response = (
            "200 OK",
            {
                "queues": api.queue_locations(),
                "repositories": ecr.registry_locations(),
                "clusters": cluster_names(),
            },
        )
        if environ["REQUEST_METHOD"] == "POST":
            status, response = control.respond(environ)
            self.timeline.wake()
        body = json.dumps({"fairlane_local": response}).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        stop = Thread(target=self._shut_down).start
        return ClosingIterator([body], [stop] if environ["REQUEST_METHOD"] == "DELETE" else [])


class _Dispatcher(DomainDispatcherApplication):
    """Moto's application, which looks up the service of a host only once. A lookup lists the files of moto."""

    def __init__(self, create_app: Callable[[Any], Any]) -> None:
        super().__init__(create_app)
        self.get_backend_for_host = lru_cache(super().get_backend_for_host)  # type: ignore[method-assign]


def _listeners(port: int) -> list[socket.socket]:
    """Return a socket for each loopback address. `localhost` can mean both, so another user must not listen on one."""
    ipv4 = _listener(socket.AF_INET, HOST, port)
    try:
        return [ipv4, _listener(socket.AF_INET6, _HOST_IPV6, ipv4.getsockname()[1])]
    except LocalAwsError:
        ipv4.close()
        raise
    except OSError:
        return [ipv4]  # the computer has no IPv6


def _listener(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno != errno.EADDRINUSE:
            raise
        raise LocalAwsError(f"port {port} is used by another program: choose another port") from None
    listener.listen()
    return listener


def _server(listener: socket.socket, application: Any, handler: type[MotoRequestHandler]) -> BaseWSGIServer:
    with listener:
        host, port, *_ = listener.getsockname()
        options: dict[str, Any] = {"request_handler": handler, "fd": listener.fileno()}
        return make_server(host, port, application, threaded=True, **options)


def _stop(server: BaseWSGIServer) -> None:
    """Stop a server, with connections that end its wait for requests."""
    stop = Thread(target=server.shutdown)
    stop.start()
    while stop.is_alive():
        with suppress(OSError):
            socket.create_connection(server.server_address[:2]).close()  # type: ignore[arg-type]
        stop.join(_STOP_SECONDS)


def _check(simulation: Simulation) -> None:
    if simulation.options.processes is not None:
        if simulation.timeline.clock.speed != 1:
            raise LocalAwsError("jobs run as processes only on the real clock: leave out --speed and --clock manual")
        try:
            check_namespaces()
        except LocalAwsError as error:
            raise LocalAwsError(f"{error}; use --jobs simulated") from None
