"""Amazon EKS: what moto lacks of clusters, add-ons, access entries, pod identities, and resources of the CDK."""
