"""Local AWS in this process, until it is stopped: `python -m fairlane_local PORT SETTINGS`.

SETTINGS is a JSON object with the speed of the clock, which is null for a manual clock, and the options of the jobs.
"""

import json
import os
import sys
from dataclasses import replace

from fairlane_local import LocalAws, LocalAwsError
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.clock import Clock
from fairlane_local.processes.options import ProcessOptions

os.umask(0o077)
try:
    settings = json.loads(sys.argv[2])
    options = JobOptions(**settings["options"])
    if options.processes is not None:
        options = replace(options, processes=ProcessOptions(**settings["options"]["processes"]))
    aws = LocalAws(int(sys.argv[1]), clock=Clock(settings["speed"]), options=options)
    aws.save_credentials()
except LocalAwsError as error:
    sys.exit(str(error))
aws.serve()
