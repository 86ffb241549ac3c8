"""AWS Batch: environments, queues, quota shares, scheduling policies, job definitions and consumable resources."""
