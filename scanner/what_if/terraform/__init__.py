"""Plans of Terraform as `terraform show -json` prints them, read as changes of AWS Backup."""
