"""Command that prints the data file of GPU instance types, from the JSON output of `DescribeInstanceTypes`.

The arguments are files, for example one file per page.

aws ec2 describe-instance-types --output json > answer.json
python -m fairlane.catalog answer.json > constructs/fairlane/catalog/gpu_instance_types.json
"""

import json
import sys
from pathlib import Path

from fairlane.catalog.generate import as_json, gpu_rows

described = [item for name in sys.argv[1:] for item in json.loads(Path(name).read_text())["InstanceTypes"]]
print(as_json(gpu_rows(described)), end="")
