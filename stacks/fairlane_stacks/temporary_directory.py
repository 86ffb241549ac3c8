"""Check of the temporary directory, which the CDK needs when it is imported. Imports no aws_cdk."""

import os
import sys
import tempfile
from typing import Final

_NEEDED_BYTES: Final = 4 * 2**20
"""Size of the jsii runtime, which the CDK writes to the temporary directory, with a reserve."""

REMEDY: Final = "free space, or set TMPDIR to another directory"


def check_temporary_directory() -> None:
    """Exit with code 1 and a sentence if the temporary directory is full or cannot be written.

    Without this check, the import of aws_cdk fails with errors of jsii that do not name the directory.
    """
    if "jsii" in sys.modules:
        return
    directory = os.environ.get("TMPDIR")  # Node.js uses it even if Python selects another directory
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(bytes(_NEEDED_BYTES))
    except OSError as error:
        directory = directory or tempfile.tempdir or ""
        sys.exit(f"fairlane: cannot write to the temporary directory {directory}: {error.strerror}; {REMEDY}")
