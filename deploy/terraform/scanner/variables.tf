# The parameters of deploy/scanner.yaml, by the same names in snake case. The template has the rules for their values.

variable "image_uri" {
  type        = string
  description = "The container image in ECR in this Region, named by its digest."

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image_uri))
    error_message = "Give the image by its digest: ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME@sha256:DIGEST."
  }
}

variable "organization_id" {
  type        = string
  description = "Id of the organization. The role is assumed in its accounts only."

  validation {
    condition     = can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "An organization id looks like o-exampleorgid."
  }
}

variable "name" {
  type        = string
  description = "Name of the stack, which `audit run --distributed` takes; the names of its resources begin with it."
  default     = "vaultproof"
}

variable "role_name" {
  type        = string
  description = "Name of the role that member-role.yaml creates in every account."
  default     = "VaultproofReadOnly"
}

variable "external_id" {
  type        = string
  description = "The external id that the role requires. Empty: none."
  default     = ""
}

variable "regions" {
  type        = list(string)
  description = "The Regions to scan. Empty: those that are enabled in this account."
  default     = []
}

variable "config_bucket" {
  type        = string
  description = "The S3 bucket that holds your audit.yaml. Empty: none."
  default     = ""
}

variable "config_key" {
  type        = string
  description = "The key of audit.yaml in config_bucket."
  default     = "audit.yaml"
}

variable "schedule" {
  type        = string
  description = "When the scan starts, as an expression of EventBridge Scheduler."
  default     = "cron(0 2 * * ? *)"
}

variable "schedule_timezone" {
  type        = string
  description = "The time zone of the schedule."
  default     = "UTC"
}

variable "schedule_state" {
  type        = string
  description = "DISABLED: scans are only started manually."
  default     = "ENABLED"
}

variable "max_concurrency" {
  type        = number
  description = "Number of accounts to read concurrently. Keep it below the account's Lambda quota of concurrent executions, which is 10 in some new accounts."
  default     = 8
}

variable "memory_size" {
  type        = number
  description = "Memory of the function in MB. Evaluating a large account needs more."
  default     = 3008
}

variable "alarm_after_hours" {
  type        = number
  description = "Hours without a successful scan after which the alarm is raised: a day, plus the duration of a scan."
  default     = 26
}

variable "retention_days" {
  type        = number
  description = "Number of days that Object Lock prevents the deletion of evidence."
  default     = 400
}

variable "lock_mode" {
  type        = string
  description = "COMPLIANCE: no user, not even the root user, can delete evidence or shorten its retention."
  default     = "GOVERNANCE"
}

variable "access_log_bucket" {
  type        = string
  description = "A bucket for the access logs of both buckets. Empty: none."
  default     = ""
}

variable "topic_arn" {
  type        = string
  description = "Your SNS topic for alarms and notifications. Empty: a topic is created."
  default     = ""
}

variable "alarm_email" {
  type        = string
  description = "E-mail address to subscribe to the topic that is created. Empty: none."
  default     = ""
}

variable "event_bus_name" {
  type        = string
  description = "The event bus of this account that gets an event for each scan. Empty: no events."
  default     = "default"
}

variable "security_hub_role_name" {
  type        = string
  description = "Name of the role of security-hub-role.yaml, that imports findings into Security Hub. Empty: none."
  default     = ""
}

variable "scan_role_name" {
  type        = string
  description = "Name of the role of the function. The roles in the accounts can trust it by this name."
  default     = "VaultproofScan"
}

variable "permissions_boundary_arn" {
  type        = string
  description = "ARN of the permissions boundary of all roles. Empty: none."
  default     = ""
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets with a route to the AWS APIs (NAT, or endpoints for every service). Empty: no VPC."
  default     = []
}

variable "security_group_ids" {
  type        = list(string)
  description = "Security groups for the function, required with subnet_ids."
  default     = []
}
