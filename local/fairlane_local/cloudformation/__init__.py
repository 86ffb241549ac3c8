"""CloudFormation: stacks, their order of work, and custom resources."""
