"""Commands of a person against a live AWS: sweeps. Imports no aws_cdk."""
