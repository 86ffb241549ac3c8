#!/usr/bin/env python3
"""`hyperpodrun` for PyTorch 2.12 and later, whose launcher has an option `--shutdown-timeout` of its own.

The agent 1.1.3 adds the option again. The demo copies the file into the image of the job; the package does not need it.
"""

import sys
from argparse import ArgumentParser
from functools import partial

if __name__ == "__main__":
    from hyperpod_elastic_agent.run import main
    from torch.distributed import run

    run.ArgumentParser = partial(ArgumentParser, conflict_handler="resolve")
    sys.exit(main())
