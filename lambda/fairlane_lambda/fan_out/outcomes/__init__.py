"""Lambda function that records events of jobs in the ledger of a fan-out."""
