"""Lambda functions of a fan-out: plan a manifest, submit its lines in every Region, and follow their jobs."""
