# What the principal needs that starts a scan of Vaultproof: to read and nothing else. Made by `audit policy`; make it again after an update of Vaultproof.

variable "role_name" {
  type        = string
  description = "Name of the role, the same in every account."
  default     = "VaultproofReadOnly"
}

variable "organization_id" {
  type        = string
  description = "Id of the organization in whose accounts the role may be assumed. Null: any."
  default     = null
}

data "aws_partition" "current" {}

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
      "backup:DescribeGlobalSettings",
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
      "organizations:DescribeOrganization",
      "organizations:DescribePolicy",
      "organizations:ListAWSServiceAccessForOrganization",
      "organizations:ListAccounts",
      "organizations:ListAccountsForParent",
      "organizations:ListAccountsWithInvalidEffectivePolicy",
      "organizations:ListDelegatedAdministrators",
      "organizations:ListOrganizationalUnitsForParent",
      "organizations:ListPolicies",
      "organizations:ListRoots",
      "organizations:ListTargetsForPolicy",
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

  statement {
    sid       = "AssumeRole"
    resources = ["arn:${data.aws_partition.current.partition}:iam::*:role/${var.role_name}"]

    actions = [
      "sts:AssumeRole",
    ]

    dynamic "condition" {
      for_each = var.organization_id == null ? [] : [var.organization_id]

      content {
        test     = "StringEquals"
        variable = "aws:ResourceOrgID"
        values   = [condition.value]
      }
    }
  }
}

resource "aws_iam_policy" "scan" {
  name   = "VaultproofScan"
  policy = data.aws_iam_policy_document.read.json
}

output "policy_arn" {
  value = aws_iam_policy.scan.arn
}
