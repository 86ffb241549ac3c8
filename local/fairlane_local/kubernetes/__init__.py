"""Kubernetes API of the EKS clusters of the local AWS: objects, quotas, patches and manifests. No pods run."""
