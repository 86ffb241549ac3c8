"""Jobs of HyperPod on Kubernetes: Kueue's controller, a training operator, and replicas with their agents."""
