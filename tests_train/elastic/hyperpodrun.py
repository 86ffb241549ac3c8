"""`hyperpodrun` for the PyTorch of these tests.

PyTorch 2.12 and later have an option `--shutdown-timeout` of their own, which the agent 1.1.3 adds again.
"""

import sys
from argparse import ArgumentParser
from functools import partial

from hyperpod_elastic_agent.run import main
from torch.distributed import run

if __name__ == "__main__":
    run.ArgumentParser = partial(ArgumentParser, conflict_handler="resolve")  # type: ignore[misc]
    sys.exit(main())
