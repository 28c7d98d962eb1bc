# The role that Vaultproof assumes in an account, to read and nothing else. Made by `audit policy`; make it again after an update of Vaultproof.

variable "role_name" {
  type        = string
  description = "Name of the role, the same in every account."
  default     = "VaultproofReadOnly"
}

variable "trusted_principal" {
  type        = string
  description = "Who starts the scan: the id of an account, or the ARN of a role or user."
}

variable "trusted_role_name" {
  type        = string
  description = "Name of the only role of that account that may assume this one. Null: any."
  default     = null
}

variable "external_id" {
  type        = string
  description = "The external id that the scan has to name. Null: none."
  default     = null
}

variable "permissions_boundary_arn" {
  type        = string
  description = "ARN of the permissions boundary of the role. Null: none."
  default     = null
}

data "aws_iam_policy_document" "read" {
  # checkov:skip=CKV_AWS_356:Lists take no resource, and every resource of the account is described.

  statement {
    sid       = "ReadBackupGateway"
    resources = ["*"]

    actions = [
      "backup-gateway:ListHypervisors",
      "backup-gateway:ListVirtualMachines",
    ]
  }

  statement {
    sid       = "ReadBackup"
    resources = ["*"]

    actions = [
      "backup:DescribeBackupVault",
      "backup:DescribeFramework",
      "backup:DescribeProtectedResource",
      "backup:DescribeRegionSettings",
      "backup:GetBackupPlan",
      "backup:GetBackupSelection",
      "backup:GetBackupVaultAccessPolicy",
      "backup:GetBackupVaultNotifications",
      "backup:GetLegalHold",
      "backup:GetPITRMalwareScanResults",
      "backup:GetRestoreTestingPlan",
      "backup:GetRestoreTestingSelection",
      "backup:GetSupportedResourceTypes",
      "backup:GetTieringConfiguration",
      "backup:ListBackupJobs",
      "backup:ListBackupPlans",
      "backup:ListBackupSelections",
      "backup:ListBackupVaults",
      "backup:ListCopyJobs",
      "backup:ListFrameworks",
      "backup:ListLegalHolds",
      "backup:ListProtectedResources",
      "backup:ListRecoveryPointsByBackupVault",
      "backup:ListReportPlans",
      "backup:ListRestoreJobs",
      "backup:ListRestoreTestingPlans",
      "backup:ListRestoreTestingSelections",
      "backup:ListTieringConfigurations",
    ]
  }

  statement {
    sid       = "ReadCloudformation"
    resources = ["*"]

    actions = [
      "cloudformation:DescribeStacks",
      "cloudformation:ListStacks",
    ]
  }

  statement {
    sid       = "ReadDsql"
    resources = ["*"]

    actions = [
      "dsql:GetCluster",
      "dsql:ListClusters",
    ]
  }

  statement {
    sid       = "ReadDynamodb"
    resources = ["*"]

    actions = [
      "dynamodb:DescribeTable",
      "dynamodb:ListTables",
    ]
  }

  statement {
    sid       = "ReadEc2"
    resources = ["*"]

    actions = [
      "ec2:DescribeInstances",
      "ec2:DescribeRegions",
      "ec2:DescribeVolumes",
    ]
  }

  statement {
    sid       = "ReadEks"
    resources = ["*"]

    actions = [
      "eks:DescribeCluster",
      "eks:ListClusters",
    ]
  }

  statement {
    sid       = "ReadElasticfilesystem"
    resources = ["*"]

    actions = [
      "elasticfilesystem:DescribeFileSystems",
    ]
  }

  statement {
    sid       = "ReadFsx"
    resources = ["*"]

    actions = [
      "fsx:DescribeFileSystems",
      "fsx:DescribeVolumes",
    ]
  }

  statement {
    sid       = "ReadIam"
    resources = ["*"]

    actions = [
      "iam:ListRoles",
    ]
  }

  statement {
    sid       = "ReadKms"
    resources = ["*"]

    actions = [
      "kms:DescribeKey",
      "kms:GetKeyPolicy",
      "kms:ListAliases",
    ]
  }

  statement {
    sid       = "ReadOrganizations"
    resources = ["*"]

    actions = [
      "organizations:DescribeEffectivePolicy",
    ]
  }

  statement {
    sid       = "ReadRds"
    resources = ["*"]

    actions = [
      "rds:DescribeDBClusters",
      "rds:DescribeDBInstances",
    ]
  }

  statement {
    sid       = "ReadRedshiftServerless"
    resources = ["*"]

    actions = [
      "redshift-serverless:ListNamespaces",
    ]
  }

  statement {
    sid       = "ReadRedshift"
    resources = ["*"]

    actions = [
      "redshift:DescribeClusters",
    ]
  }

  statement {
    sid       = "ReadS3"
    resources = ["*"]

    actions = [
      "s3:GetBucketLocation",
      "s3:GetBucketTagging",
      "s3:GetBucketVersioning",
      "s3:GetEncryptionConfiguration",
      "s3:ListAllMyBuckets",
    ]
  }

  statement {
    sid       = "ReadSsmSap"
    resources = ["*"]

    actions = [
      "ssm-sap:GetDatabase",
      "ssm-sap:ListDatabases",
    ]
  }

  statement {
    sid       = "ReadStoragegateway"
    resources = ["*"]

    actions = [
      "storagegateway:DescribeCachediSCSIVolumes",
      "storagegateway:DescribeStorediSCSIVolumes",
      "storagegateway:ListVolumes",
    ]
  }

  statement {
    sid       = "ReadTag"
    resources = ["*"]

    actions = [
      "tag:GetResources",
    ]
  }

  statement {
    sid       = "ReadTimestream"
    resources = ["*"]

    actions = [
      "timestream:DescribeEndpoints",
      "timestream:ListDatabases",
      "timestream:ListTables",
    ]
  }
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "Scan"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = [var.trusted_principal]
    }

    dynamic "condition" {
      for_each = var.external_id == null ? [] : [var.external_id]

      content {
        test     = "StringEquals"
        variable = "sts:ExternalId"
        values   = [condition.value]
      }
    }

    dynamic "condition" {
      for_each = var.trusted_role_name == null ? [] : [var.trusted_role_name]

      content {
        test     = "ArnLike"
        variable = "aws:PrincipalArn"
        values   = ["arn:*:iam::*:role/${condition.value}"]
      }
    }
  }
}

resource "aws_iam_policy" "read" {
  name   = var.role_name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_role" "scan" {
  name                 = var.role_name
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy_attachment" "read" {
  role       = aws_iam_role.scan.name
  policy_arn = aws_iam_policy.read.arn
}

output "role_arn" {
  value = aws_iam_role.scan.arn
}
