"""Parts of an elastic training loop: events, position in the data, checkpoints.

Requires the standard library, and PyTorch where a call needs it. `CheckpointFolder`, `ElasticEvents` and
`GlobalBatches` run without PyTorch.
"""

from fairlane_run.elastic.batches import GlobalBatches, MicroBatch
from fairlane_run.elastic.checkpoint import ElasticCheckpoint
from fairlane_run.elastic.errors import ElasticError
from fairlane_run.elastic.events import ElasticEvents, Event, ignore_signals
from fairlane_run.elastic.folder import CheckpointFolder
from fairlane_run.elastic.run import ElasticRun

__all__ = [
    "CheckpointFolder",
    "ElasticCheckpoint",
    "ElasticError",
    "ElasticEvents",
    "ElasticRun",
    "Event",
    "GlobalBatches",
    "MicroBatch",
    "ignore_signals",
]
