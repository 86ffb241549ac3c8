"""Command that prints the JSON schema of environment files, or of base files and the files that extend them."""

import argparse
import json

from fairlane.environment import environment_json_schema

parser = argparse.ArgumentParser(prog="python -m fairlane.environment", description=__doc__)
text = "print the schema of base files and of the files that extend them, which requires no key"
parser.add_argument("--partial", action="store_true", help=text)
print(json.dumps(environment_json_schema(partial=parser.parse_args().partial), indent=2))
