"""What runs in AWS Lambda: the exporter of job metrics. Standard library only, and boto3 where a call needs it."""
