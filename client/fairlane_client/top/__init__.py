"""Live view of queues of AWS Batch. Every call is one that `queue.grants.observe` allows."""
