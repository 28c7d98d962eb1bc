"""The command that sets a tag is complete for each type, and safe for hostile names."""

import shlex

import pytest

from scanner.protection.tagging import tagging_command
from tests.fakes.bundles import REGION, volume_arn
from tests.fakes.models import resource

TAG = (("Backup", "daily"),)
LIST = ("RDS", "Aurora", "DocumentDB", "Neptune", "Storage Gateway", "VirtualMachine", "Timestream")
MAP = ("DSQL", "SAP HANA on Amazon EC2", "EKS", "S3", "EFS", "FSx", "DynamoDB", "Redshift")


def test_ec2_and_ebs() -> None:
    command = f"aws ec2 create-tags --resources vol-1 --tags Key=Backup,Value=daily --region {REGION}"
    assert tagging_command(resource(volume_arn("vol-1")), TAG) == command
    assert tagging_command(resource(volume_arn("vol-1").replace("volume", "instance"), "EC2"), TAG) == command


@pytest.mark.parametrize(
    ("kind", "tags"),
    [
        *((kind, "Key=Backup,Value=daily") for kind in LIST),
        *((kind, "Backup=daily") for kind in MAP),
        ("Redshift Serverless", "key=Backup,value=daily"),
    ],
)
def test_every_other_type_by_its_arn(kind: str, tags: str) -> None:
    words = shlex.split(tagging_command(resource("arn:aws:x:eu-west-1:1:y/z", kind), TAG))
    assert (words[0], words[4]) == ("aws", "arn:aws:x:eu-west-1:1:y/z")
    assert words[5:] == ["--tags", tags, "--region", REGION]


def test_hostile_tags_stay_one_word() -> None:
    words = shlex.split(tagging_command(resource(), (("a'; rm -rf", "x,y \u200b"),)))
    assert words[5:7] == ["--tags", '[{"Key": "a\'; rm -rf", "Value": "x,y \\u200b"}]']


def test_no_command_for_a_stack_or_a_tag_that_aws_refuses() -> None:
    assert not tagging_command(resource(kind="CloudFormation"), TAG)
    assert not tagging_command(resource(), (("Backup", "x" * 257),))
    assert not tagging_command(resource(), ())
