"""SageMaker HyperPod: clusters, nodes, quotas and scheduler configurations."""
