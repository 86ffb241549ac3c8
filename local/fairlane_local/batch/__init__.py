"""AWS Batch: service environments, queues, quota shares and job definitions."""
