"""`python -m fairlane.cli` is the command `fairlane`."""

import sys

from fairlane.cli._main import main

sys.exit(main())
