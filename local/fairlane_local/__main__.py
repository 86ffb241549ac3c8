"""Local AWS in this process, until it is stopped: `python -m fairlane_local PORT`."""

import sys

from fairlane_local import LocalAws

LocalAws(int(sys.argv[1])).serve()
