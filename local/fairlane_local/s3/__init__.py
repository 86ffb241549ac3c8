"""Amazon S3 beyond moto: jobs of S3 Batch Operations."""
