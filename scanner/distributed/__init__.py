"""A scan in AWS Lambda: whole in one invocation, or in the steps of a Step Functions workflow."""
