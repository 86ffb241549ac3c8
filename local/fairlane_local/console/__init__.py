"""Output for people: the demo, and tables of queues, metrics and images."""
