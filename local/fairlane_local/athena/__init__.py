"""Amazon Athena and the AWS Glue Data Catalog: queries over S3 objects, answered by DuckDB."""
