"""What new, changed and removed resources do to the answers of an account-Region.

A new resource is listed as its service would list it, without backups. Buckets are in the list of the
account and have their details in their Region, so both files change.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from scanner.evidence.manifest import rfc3339
from scanner.model.names import AWS_GLOBAL
from scanner.model.planning.planned_change import UNKNOWN, Action, PlannedChange, has_unknown
from scanner.what_if.new_resources import FAMILIES, family_of, id_of
from scanner.what_if.setting_edits import put_tags
from scanner.what_if.shard_edits import RESOURCES, NotJudgedError, ShardEdits
from scanner.what_if.shard_lines import Document, known_after_apply

_BUCKET: Final = "bucket"
_INSTANCE: Final = "instance"


def put_resource(edits: ShardEdits, change: PlannedChange) -> None:
    """Create a resource. One that is listed already keeps what it has, and gets the tags of the change."""
    document = change.document
    family, identity = FAMILIES[document["Family"]], str(document["Id"])
    is_bucket, is_account = document["Family"] == _BUCKET, edits.shard.region == AWS_GLOBAL
    # A bucket's change comes twice: for the list of the account, and for the Region with its details.
    if is_bucket and not is_account:
        _put_bucket_details(edits, change, identity)
        return
    edits.require(family.operation, f"the list that {identity} belongs to")
    if _is_listed(edits, document["Family"], change.name):
        # The tags of a bucket are in the file of its Region.
        if not is_bucket:
            _add_tags(edits, change)
        return
    # Raises before the list is edited: a resource without its tags would be judged as not selected.
    tags = _known_tags(change)
    row = _ROWS[document["Family"]](edits, change, [{"Key": key, "Value": tags[key]} for key in tags])
    edits.lines.edit_rows(family.operation, family.key, lambda listed: listed, row)
    if document["Family"] == "table":
        _put_table(edits, change, identity, tags)


def remove_resource(edits: ShardEdits, change: PlannedChange) -> None:
    """Remove a resource from the lists. Its recovery points stay."""
    name = family_of(change.name)
    if not name:
        raise NotJudgedError(f"The removal of {change.name} is not judged.")
    family, identity = FAMILIES[name], id_of(change.name, name)
    if name == _BUCKET and edits.shard.region != AWS_GLOBAL:
        _remove_details(edits, change.name, name)
        return
    edits.require(family.operation, f"the list that {identity} belongs to")
    if not _is_listed(edits, name, change.name):
        raise NotJudgedError(f"The scan has no {change.name} to remove.")
    # Some lists identify by ARN, others by id or name.
    names = {identity, change.name}

    def edit(row: Any) -> Any:  # noqa: ANN401 -- a row, or a name
        if name == _INSTANCE:
            rest = [inner for inner in row.get("Instances", ()) if inner.get(family.identity) not in names]
            # DescribeInstances groups instances in reservations; an empty one is never returned.
            return {**row, "Instances": rest} if rest else None
        return None if (row.get(family.identity) if family.identity else row) in names else row

    edits.lines.edit_rows(family.operation, family.key, edit, identity=family.identity)
    _remove_details(edits, change.name, name)
    # Else the tagging API would still prove that the resource exists.
    edits.edit_rows(RESOURCES, "ResourceTagMappingList", "ResourceARN", change.name, None)


def _remove_details(edits: ShardEdits, arn: str, family: str) -> None:
    for operation, parameter in FAMILIES[family].details:
        edits.lines.remove(
            operation, **{parameter: arn if parameter == "ResourceArn" else id_of(arn, family)}
        )


def _is_listed(edits: ShardEdits, family: str, arn: str) -> bool:
    listed, names = FAMILIES[family], {arn, id_of(arn, family)}
    for document in edits.lines.of(listed.operation):
        rows = (document.get("response") or {}).get(listed.key) or ()
        if family == _INSTANCE:
            rows = [instance for row in rows for instance in row.get("Instances", ())]
        if any((row.get(listed.identity) if listed.identity else row) in names for row in rows):
            return True
    return False


def _known_tags(change: PlannedChange) -> dict[str, str]:
    tags = change.document["Tags"]
    if not isinstance(tags, Mapping) or has_unknown(tags):
        raise NotJudgedError(
            "Its tags are known only after the change is applied, and so is which selections match it."
        )
    return {str(key): str(value) for key, value in tags.items()}


def _add_tags(edits: ShardEdits, change: PlannedChange) -> None:
    """Add the tags of the change to an existing resource. A template does not show those of the stack."""
    # A creation has all tags. An update by a template keeps those that the stack added.
    if change.action is Action.CREATE:
        put_tags(edits, replace(change, document={"Tags": _known_tags(change)}))
        return
    rows = edits.lines.rows(RESOURCES, "ResourceTagMappingList")
    present = next((row.get("Tags") or () for row in rows if row.get("ResourceARN") == change.name), ())
    tags = {str(tag.get("Key")): str(tag.get("Value") or "") for tag in present} | _known_tags(change)
    put_tags(edits, replace(change, document={"Tags": tags}))


def _present(**members: object) -> Document:
    """Return the members that are known: what is not in an answer is unknown, or the service's default."""
    return {name: value for name, value in members.items() if value is not None and value is not UNKNOWN}


def _created(edits: ShardEdits) -> str:
    return rfc3339(edits.as_of) or ""


def _volume(edits: ShardEdits, change: PlannedChange, tags: list[Any]) -> Document:
    document = change.document
    return _present(
        # Ready at once: AWS Backup skips what is still being created, and that state does not last.
        VolumeId=document["Id"],
        State="available",
        CreateTime=_created(edits),
        Encrypted=document["Encrypted"],
        KmsKeyId=document["Key"],
        # An attachment is a resource of its own in plans and templates, and is not known here.
        Attachments=[],
        Tags=tags,
    )


def _instance(edits: ShardEdits, change: PlannedChange, tags: list[Any]) -> Document:
    instance = {
        "InstanceId": change.document["Id"],
        # AWS Backup takes running and stopped instances; a new one starts.
        "State": {"Name": "running", "Code": 16},
        "LaunchTime": _created(edits),
        "Tags": tags,
    }
    return {"ReservationId": f"r-{change.document['Id']}", "Instances": [instance]}


def _database(edits: ShardEdits, change: PlannedChange, tags: list[Any]) -> Document:
    document = change.document
    return _present(
        DBInstanceIdentifier=document["Id"],
        DBInstanceArn=change.name,
        Engine=document["Engine"],
        DBInstanceStatus="available",
        InstanceCreateTime=_created(edits),
        StorageEncrypted=document["Encrypted"],
        KmsKeyId=document["Key"],
        TagList=tags,
    )


def _cluster(edits: ShardEdits, change: PlannedChange, tags: list[Any]) -> Document:
    document = change.document
    # Without an engine it could be Aurora, Neptune, DocumentDB or RDS: four types with different rules.
    if not isinstance(document["Engine"], str):
        raise NotJudgedError("The engine of the cluster is known only after the change is applied.")
    return _present(
        DBClusterIdentifier=document["Id"],
        DBClusterArn=change.name,
        Engine=document["Engine"],
        Status="available",
        ClusterCreateTime=_created(edits),
        StorageEncrypted=document["Encrypted"],
        KmsKeyId=document["Key"],
        DBClusterMembers=[],
        TagList=tags,
    )


def _efs(edits: ShardEdits, change: PlannedChange, tags: list[Any]) -> Document:
    document = change.document
    return _present(
        FileSystemId=document["Id"],
        FileSystemArn=change.name,
        LifeCycleState="available",
        CreationTime=_created(edits),
        Encrypted=document["Encrypted"],
        KmsKeyId=document["Key"],
        Tags=tags,
    )


def _fsx(edits: ShardEdits, change: PlannedChange, tags: list[Any]) -> Document:
    document = change.document
    # Scratch file systems of Lustre cannot be backed up (FSx API reference, CreateBackup).
    lustre = {"LustreConfiguration": _present(DeploymentType=document["Deployment"])}
    return {
        **_present(
            FileSystemId=document["Id"],
            ResourceARN=change.name,
            FileSystemType=document["Engine"],
            Lifecycle="AVAILABLE",
            CreationTime=_created(edits),
            KmsKeyId=document["Key"],
            Tags=tags,
        ),
        **(lustre if document["Engine"] == "LUSTRE" else {}),
    }


def _warehouse(edits: ShardEdits, change: PlannedChange, tags: list[Any]) -> Document:
    document = change.document
    return _present(
        ClusterIdentifier=document["Id"],
        ClusterStatus="available",
        ClusterCreateTime=_created(edits),
        Encrypted=document["Encrypted"],
        KmsKeyId=document["Key"],
        Tags=tags,
    )


def _table(_edits: ShardEdits, change: PlannedChange, _tags: list[Any]) -> Any:  # noqa: ANN401 -- a name
    return change.document["Id"]


def _bucket(edits: ShardEdits, change: PlannedChange, _tags: list[Any]) -> Document:
    return {
        "Name": change.document["Id"],
        "BucketRegion": change.region,
        "CreationDate": _created(edits),
    }


_ROWS: Final[Mapping[str, Callable[[ShardEdits, PlannedChange, list[Any]], Any]]] = {
    "volume": _volume,
    "instance": _instance,
    "database": _database,
    "cluster": _cluster,
    "table": _table,
    "file system": _efs,
    "bucket": _bucket,
    "FSx file system": _fsx,
    "warehouse": _warehouse,
}


def _put_table(edits: ShardEdits, change: PlannedChange, name: str, tags: Mapping[str, str]) -> None:
    # An answer without a key would mean the AWS owned key, so the call becomes a failed read.
    described = known_after_apply(f"The encryption of the table {name}")
    edits.lines.put("dynamodb:DescribeTable", {"TableName": name}, described, edits.at)
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    edits.put("dynamodb:ListTagsOfResource", {"ResourceArn": change.name}, {"Tags": pairs})


def _put_bucket_details(edits: ShardEdits, change: PlannedChange, name: str) -> None:
    """Record a bucket's tags. Other resources of the plan decide its versioning and its encryption."""
    # The parameters that a scan records, so that the line replaces the scan's own.
    about = {"Bucket": name, "ExpectedBucketOwner": str(edits.shard.account)}
    tags = _known_tags(change)
    is_known = any(True for _ in edits.lines.of("s3:GetBucketTagging", Bucket=name))
    if is_known and change.action is not Action.CREATE:
        _add_tags(edits, change)
        return
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    edits.put("s3:GetBucketTagging", about, {"TagSet": pairs})
    for operation in ("GetBucketVersioning", "GetBucketEncryption"):
        what = known_after_apply(f"{operation.removeprefix('GetBucket')} of the bucket {name}")
        edits.lines.put(f"s3:{operation}", about, what, edits.at)
