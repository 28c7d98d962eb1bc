"""A scan in AWS Lambda: in one invocation, or as the steps of a Step Functions workflow."""
