"""AWS CloudFormation: stacks, the order of deployments, and custom resources."""
