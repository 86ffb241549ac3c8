"""Lambda function that publishes the lines of a fan-out and asks AWS Batch about lines without news."""
