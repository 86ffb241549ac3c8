"""Terminal output: the demo, and tables of queues, metrics and images."""
