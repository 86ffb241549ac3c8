"""AWS IAM and AWS STS: the role of the caller, and simulations of a role's policies."""
