"""Command that prints the JSON schema of environment files."""

import json

from fairlane.environment import environment_json_schema

print(json.dumps(environment_json_schema(), indent=2))
