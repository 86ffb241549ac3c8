"""Local AWS in this process, until it is stopped: `python -m fairlane_local PORT`."""

import os
import sys

from fairlane_local import LocalAws, LocalAwsError
from fairlane_local.server.credentials import get_credentials, save

os.umask(0o077)
try:
    aws = LocalAws(int(sys.argv[1]))
    save(aws.port, get_credentials(aws.port))
except LocalAwsError as error:
    sys.exit(str(error))
aws.serve()
