"""Lambda function that submits the lines of a manifest in a Region, each exactly once."""
