"""Amazon EC2: networks and placement groups."""
