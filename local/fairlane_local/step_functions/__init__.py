"""Step Functions of the local AWS: moto's interpreter on the local clock, with tasks that call this server."""
