"""The rules of AWS Batch for machines with GPUs and the jobs on them. Knows no aws_cdk."""
