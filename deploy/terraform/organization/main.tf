# The role of Vaultproof in every account of the organization: a StackSet with service-managed permissions, and a
# stack in the management account, which such a StackSet skips. Apply it with credentials of the management account.

variable "trusted_principal" {
  type        = string
  description = "Id of the account of the scanner."
}

variable "trusted_role_name" {
  type        = string
  description = "Name of the only role of that account that may assume the role. Empty: any."
  default     = ""
}

variable "external_id" {
  type        = string
  description = "The external id that the scan has to name. Empty: none."
  default     = ""
}

variable "permissions_boundary_arn" {
  type        = string
  description = "ARN of the permissions boundary of the role. Empty: none."
  default     = ""
}

variable "organizational_unit_ids" {
  type        = list(string)
  description = "The OUs whose accounts get the role. Empty: all accounts."
  default     = []
}

variable "include_management_account" {
  type        = bool
  description = "False if the scanner is in the management account: it reads its own account without a role."
  default     = true
}

data "aws_organizations_organization" "current" {}

locals {
  template = file("${path.module}/../../member-role.yaml")

  parameters = {
    TrustedPrincipal       = var.trusted_principal
    TrustedRoleName        = var.trusted_role_name
    ExternalId             = var.external_id
    PermissionsBoundaryArn = var.permissions_boundary_arn
  }

  units = length(var.organizational_unit_ids) > 0 ? var.organizational_unit_ids : [data.aws_organizations_organization.current.roots[0].id]
}

resource "aws_cloudformation_stack_set" "role" {
  name             = "vaultproof-role"
  description      = "The read-only role of Vaultproof"
  permission_model = "SERVICE_MANAGED"
  template_body    = local.template
  parameters       = local.parameters
  capabilities     = ["CAPABILITY_NAMED_IAM"]

  auto_deployment {
    enabled                          = true
    retain_stacks_on_account_removal = false
  }

  operation_preferences {
    failure_tolerance_percentage = 100
    max_concurrent_percentage    = 100
  }

  lifecycle {
    # AWS sets it; without this, every plan would show a change.
    ignore_changes = [administration_role_arn]
  }
}

# IAM is global: one Region is enough.
resource "aws_cloudformation_stack_set_instance" "role" {
  stack_set_name = aws_cloudformation_stack_set.role.name
  region         = "us-east-1"

  deployment_targets {
    organizational_unit_ids = local.units
  }

  operation_preferences {
    failure_tolerance_percentage = 100
    max_concurrent_percentage    = 100
  }
}

resource "aws_cloudformation_stack" "management" {
  # checkov:skip=CKV_AWS_124:The stack holds one role, and Terraform reports what happens to it.
  count = var.include_management_account ? 1 : 0

  name          = "vaultproof-role"
  template_body = local.template
  parameters    = local.parameters
  capabilities  = ["CAPABILITY_NAMED_IAM"]
}
