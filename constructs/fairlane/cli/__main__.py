"""`python -m fairlane.cli` is the command `fairlane`."""

import sys

from fairlane.cli.command import main

sys.exit(main())
