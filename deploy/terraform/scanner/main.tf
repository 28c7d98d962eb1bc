# The scanner of Vaultproof, as deploy/scanner.yaml describes it. The module deploys that template as a stack: there is
# one description of the scanner, the same rules are checked, and `audit run --distributed` finds it by its name.

resource "aws_cloudformation_stack" "scanner" {
  # checkov:skip=CKV_AWS_124:The stack has alarms of its own, and Terraform reports what happens to it.
  name          = var.name
  template_body = file("${path.module}/../../scanner.yaml")
  capabilities  = ["CAPABILITY_NAMED_IAM"]

  parameters = {
    ImageUri               = var.image_uri
    OrganizationId         = var.organization_id
    RoleName               = var.role_name
    ExternalId             = var.external_id
    Regions                = join(",", var.regions)
    ConfigBucket           = var.config_bucket
    ConfigKey              = var.config_key
    Schedule               = var.schedule
    ScheduleTimezone       = var.schedule_timezone
    ScheduleState          = var.schedule_state
    MaxConcurrency         = var.max_concurrency
    MemorySize             = var.memory_size
    AlarmAfterHours        = var.alarm_after_hours
    RetentionDays          = var.retention_days
    LockMode               = var.lock_mode
    AccessLogBucket        = var.access_log_bucket
    TopicArn               = var.topic_arn
    AlarmEmail             = var.alarm_email
    EventBusName           = var.event_bus_name
    SecurityHubRoleName    = var.security_hub_role_name
    ScanRoleName           = var.scan_role_name
    PermissionsBoundaryArn = var.permissions_boundary_arn
    SubnetIds              = join(",", var.subnet_ids)
    SecurityGroupIds       = join(",", var.security_group_ids)
  }
}

output "state_machine_arn" {
  description = "The state machine that runs scans."
  value       = aws_cloudformation_stack.scanner.outputs["StateMachineArn"]
}

output "evidence_bucket" {
  description = "Scans are stored below scans/SCAN_ID/."
  value       = aws_cloudformation_stack.scanner.outputs["EvidenceBucket"]
}

output "work_bucket" {
  description = "Intermediate files of the last seven days."
  value       = aws_cloudformation_stack.scanner.outputs["WorkBucket"]
}

output "function_name" {
  description = "The function that runs the steps."
  value       = aws_cloudformation_stack.scanner.outputs["FunctionName"]
}

output "scan_role_arn" {
  description = "The role that the roles in the accounts trust."
  value       = aws_cloudformation_stack.scanner.outputs["ScanRoleArn"]
}

output "signing_key_arn" {
  description = "The key that signs the manifests."
  value       = aws_cloudformation_stack.scanner.outputs["SigningKeyArn"]
}

output "topic_arn" {
  description = "Gets alarms and notifications."
  value       = aws_cloudformation_stack.scanner.outputs["TopicArn"]
}
