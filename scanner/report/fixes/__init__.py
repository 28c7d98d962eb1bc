"""The folder that `audit fix` writes: Terraform, CloudFormation, AWS CLI, and a README."""
