"""Custom resources for quotas and scheduler configurations of HyperPod, where CloudFormation has no types for them."""
