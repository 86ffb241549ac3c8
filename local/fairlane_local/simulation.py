"""Clock and job options of the local AWS of this process."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from moto.moto_api._internal.models import MotoAPIBackend

from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.clock import Clock
from fairlane_local.processes.runner import Runner
from fairlane_local.timeline import Timeline


@dataclass(slots=True)
class Simulation:
    """Timeline, job options and shortages that the services of a local AWS share.

    Args:
        timeline: Events of the local AWS.
        options: Options of the jobs.

    Attributes:
        shortages: Instance types that AWS has no free instances of.
        runner: Runner of the jobs as processes. None if jobs are simulated.
        port: Port that the local AWS listens on.
    """

    timeline: Timeline = field(default_factory=lambda: Timeline(Clock()))
    options: JobOptions = field(default_factory=JobOptions)
    shortages: set[str] = field(default_factory=set, init=False)
    runner: Runner | None = field(default=None, init=False)
    port: int = field(default=0, init=False)


_reset_moto = MotoAPIBackend.reset
_current = [Simulation()]


def current_simulation() -> Simulation:
    """Return the simulation of the local AWS that started last in this process."""
    return _current[-1]


def local_time() -> datetime:
    """Return the time of the local AWS."""
    return datetime.fromtimestamp(current_simulation().timeline.clock.now(), UTC)


def set_simulation(simulation: Simulation) -> None:
    """Set the simulation of a local AWS that starts."""
    _current[:] = [simulation]


def install() -> None:
    """Let a reset of moto also delete the events and shortages. Call this before the server starts."""
    MotoAPIBackend.reset = _reset  # type: ignore[method-assign]


def _reset(self: MotoAPIBackend) -> None:
    from fairlane_local.reactions import queues, topics  # noqa: PLC0415  # they use the simulation

    simulation = current_simulation()
    with simulation.timeline.lock:
        _reset_moto(self)
        simulation.timeline.clear()
        simulation.shortages.clear()
        queues.reset()
        topics.reset()
