"""Function that stores the records of ended jobs in Amazon S3."""
