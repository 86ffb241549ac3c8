"""Page of the local AWS: queues, jobs, alarms and dashboards in a browser."""
