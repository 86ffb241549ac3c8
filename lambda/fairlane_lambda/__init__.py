"""Code of Fairlane's Lambda functions: standard library and boto3 only."""
