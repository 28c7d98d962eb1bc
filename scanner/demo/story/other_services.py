"""Production in Ireland has every type of resource that AWS Backup supports, at least once.

Under the plan `production-gold` (the tag tier=gold) backed up and copied; others under AWS managed keys, with
copies into another account; and secrets: what no API should return and some do.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from scanner.demo.clock import ago
from scanner.demo.estate import history, workloads
from scanner.demo.estate.keys import aws_key
from scanner.demo.estate.plans import Copy, Rule, plan, select, tagged
from scanner.demo.estate.site import Resource, Site
from scanner.demo.estate.workloads import await_password
from scanner.demo.services import (
    backupgateway,
    dsql,
    eks,
    fsx,
    redshift,
    redshiftserverless,
    ssmsap,
    storagegateway,
    timestream,
)
from scanner.demo.services.stock import Sketch
from scanner.demo.story.central import Central
from scanner.demo.story.production import Production
from scanner.demo.story.production_estate import GOLD

_LAST_NIGHT = 4.0  # hours before the demo's clock
_DAYS = 35
_TAGS = {"tier": "partners", "owner": "partners"}
_NIGHTS = (3.0, 27.0)  # hours before the demo's clock

CANARIES: Final[Mapping[str, str]] = {
    "stack parameter": "Canary-Parameter-q7Wz4kT1",
    "stack parameter, resolved": "Canary-Resolved-m2Xv8bN5",
    "stack output": "Canary-Output-p9Lr3cJ6",
    "user data": "Canary-UserData-h5Gd1sF8",
    "database password": "Canary-Database-t4Yk7wQ2",
    "database cluster password": "Canary-DatabaseCluster-z8Bn6vM3",
    "warehouse password": "Canary-Warehouse-j1Hf5gD9",
    "file system password": "Canary-FileSystem-c6Vx2lK4",
    "file system password, about to change": "Canary-FileSystemPending-r3Tp8yU7",
    "volume's file system password": "Canary-Volume-e5Ws9aZ1",
    "cluster activation code": "Canary-Activation-n7Jm4hB6",
    "name of a secret": "Canary-SecretName-g2Fk1dS8",
}
"""By kind; each text occurs nowhere else."""
HOSTILE_MACHINE = "\"><svg onload=alert('vaultproof')>"
FAR_EASTERN_MACHINE = "備份-резервная-копия-ไทย-नेपाली 🗄️"

COMBINED_MACHINE = "Z\u0301\u0323a\u030al\u0327g\u0337o\u0338\u200b\u202e.exe"
"""A name of letters with marks, an invisible space, and a mark that turns the writing around."""

LARGEST_TAGS = {f"{number:02}-{'k' * 125}": "v" * 256 for number in range(49)}
"""With the name, as many tags as a resource can have, each as long as it can be (128 and 256 letters)."""


@dataclass(frozen=True, slots=True)
class Protected:
    """What is backed up here: `copied` reaches another Region and another account, `uncopied` does not."""

    copied: tuple[Resource, ...]
    uncopied: tuple[Resource, ...]
    ontap: Resource
    """The file system whose volume is backed up; by itself it is no unit of backup."""


def plant(site: Site, central: Central, production: Production) -> Protected:
    """Resources of every type with their newest backups and copies."""
    key = str(production.resources.ledger.key)
    ontap = fsx.file_system(site.stock, Sketch("engineering", {"owner": "engineering"}, key), "ONTAP")
    protected = Protected(
        (*_files(site, key, ontap), *_databases(site, key), *_machines(site, key)),
        _uncopied(site, key),
        ontap,
    )
    nightly = production.gold.rules["nightly"]
    for resource in protected.copied:
        (point,) = history.back_up(resource, nightly, _LAST_NIGHT, IsParent=resource.type == "EKS")
        if resource.type == "EKS":
            _nested(site, production, point)
        history.copy(point, central.good, _DAYS)
        history.copy(point, production.vaults.disaster, _DAYS)
    for resource in protected.uncopied:
        (point,) = history.back_up(resource, nightly, _LAST_NIGHT)
        for destination in (central.good, production.vaults.disaster):
            history.fail_copy(
                point,
                destination.arn,
                _DAYS,
                "Feature is not supported for provided resource type.",
                "UNSUPPORTED_OPERATION",
            )
    return protected


def _nested(site: Site, production: Production, parent: history.Point) -> None:
    """The second part of a cluster's backup: a volume that one of its namespaces claimed."""
    tags = {"kubernetes.io/created-for/pvc/namespace": "checkout"}
    volume = workloads.volume(site, "storefront-data", tags, production.resources.ledger.key)
    history.keep(
        production.vaults.gold,
        volume,
        ago(hours=_LAST_NIGHT),
        _DAYS,
        ParentRecoveryPointArn=parent.arn,
        IamRoleArn=parent.document["IamRoleArn"],
        CreatedBy=parent.document["CreatedBy"],
    )


def _files(site: Site, key: str, ontap: Resource) -> tuple[Resource, ...]:
    stock = site.stock
    # A mirror of a volume elsewhere: AWS Backup cannot take it, whatever its tags say.
    fsx.ontap_volume(stock, ontap, Sketch("cad-drawings-mirror", GOLD), "DP")
    gateway = storagegateway.gateway(stock, "branch-office-gateway")
    return (
        fsx.file_system(stock, Sketch("office-shares", GOLD, key), "WINDOWS"),
        fsx.ontap_volume(stock, ontap, Sketch("cad-drawings", GOLD, state="CREATED")),
        storagegateway.volume(stock, gateway, Sketch("branch-office", GOLD, key)),
    )


def _databases(site: Site, key: str) -> tuple[Resource, ...]:
    stock = site.stock
    telemetry = timestream.database(stock, "telemetry", key)
    return (
        workloads.cluster(site, Sketch("profiles", GOLD, key), "docdb"),
        workloads.cluster(site, Sketch("relations", GOLD, key), "neptune"),
        dsql.cluster(stock, Sketch("payments", GOLD, key)),
        timestream.table(stock, telemetry, Sketch("machines", GOLD)),
    )


def _machines(site: Site, key: str) -> tuple[Resource, ...]:
    stock = site.stock
    vcenter = backupgateway.hypervisor(stock, "vcenter-dublin")
    sap = ssmsap.application(stock, "ERP")
    # AWS Backup can back up system databases too: this one is in no plan.
    ssmsap.database(stock, sap, Sketch("SYSTEMDB", {"owner": "sap"}), "SYSTEM")
    return (
        backupgateway.virtual_machine(stock, vcenter, Sketch("erp-frontend", GOLD)),
        ssmsap.database(stock, sap, Sketch("PRD", GOLD)),
        eks.cluster(stock, Sketch("storefront", GOLD, key)),
    )


def _uncopied(site: Site, key: str) -> tuple[Resource, ...]:
    """Types whose recovery points AWS Backup does not copy anywhere."""
    stock = site.stock
    return (
        workloads.cluster(site, Sketch("bookings", GOLD, key), "mysql"),
        redshift.cluster(stock, Sketch("warehouse", GOLD, key)),
        redshiftserverless.namespace(stock, Sketch("adhoc", GOLD, key)),
    )


def plant_partners(site: Site, central: Central, production: Production) -> None:
    """Two kinds that could be copied under another key, and one that never can."""
    chosen = (
        fsx.file_system(site.stock, Sketch("render-farm", _TAGS, aws_key(site, "fsx")), "LUSTRE"),
        workloads.cluster(site, Sketch("partner-orders", _TAGS, aws_key(site, "rds")), "aurora-mysql"),
        redshift.cluster(site.stock, Sketch("partner-reports", _TAGS, aws_key(site, "redshift"))),
    )
    rule = Rule("nightly", "cron(0 3 ? * * *)", production.vaults.standard, 35, (Copy(central.good.arn, 35),))
    nightly = plan(site, "production-partners", production.role, rule)
    select(nightly, "tier-partners", ListOfTags=tagged("tier", "partners"))
    for resource in chosen:
        for point in history.back_up(resource, nightly.rules["nightly"], *_NIGHTS):
            _turn_away(point, resource, central)


def _turn_away(point: history.Point, resource: Resource, central: Central) -> None:
    if resource.type == "Redshift":
        message, category = "Feature is not supported for provided resource type.", "UNSUPPORTED_OPERATION"
    else:
        message = "Copying a snapshot encrypted with an AWS managed key to another account is not supported."
        category = "KMS_KEY_ERROR"
    history.fail_copy(point, central.good.arn, 35, message, category)


def plant_secrets(site: Site, production: Production, protected: Protected) -> None:
    """Passwords that wait for a maintenance window, an activation code, user data."""
    stock, resources = site.stock, production.resources
    await_password(site, resources.continuous[0].arn, CANARIES["database password"])
    await_password(site, resources.ledger.arn, CANARIES["database cluster password"])
    redshift.cluster(stock, Sketch("rotating-warehouse"), CANARIES["warehouse password"])
    eks.cluster(stock, Sketch("data-centre"), CANARIES["cluster activation code"])
    ssmsap.database(stock, "QA", Sketch("TRAINING"), secret=CANARIES["name of a secret"])
    fsx.tell_password(stock, protected.ontap, CANARIES["file system password"])
    fsx.tell_change(stock, protected.ontap, CANARIES["file system password, about to change"])
    fsx.tell_change(stock, protected.copied[1], CANARIES["volume's file system password"])
    script = f"#!/bin/sh\nexport DATABASE_PASSWORD={CANARIES['user data']}\n"
    user_data = base64.b64encode(script.encode())
    instance_id = resources.gold[0].arn.rpartition("/")[2]
    site.do("ec2", "ModifyInstanceAttribute", InstanceId=instance_id, UserData={"Value": user_data})


def plant_forgotten(site: Site, key: str) -> None:
    """Of each type at least one; the tag tier=gold does not help those that AWS Backup skips."""
    _in_no_plan(site)
    _strange(site)
    _skipped(site, key)


def _in_no_plan(site: Site) -> None:
    stock, owner = site.stock, {"owner": "lab"}
    gateway = storagegateway.gateway(stock, "lab-gateway", "STORED")
    storagegateway.gateway(stock, "file-gateway", "FILE_S3")
    storagegateway.volume(stock, gateway, Sketch("lab-disk", owner))
    workloads.cluster(site, Sketch("sandbox-documents", owner), "docdb")
    dsql.cluster(stock, Sketch("prototype", owner))
    redshift.cluster(stock, Sketch("sandbox-warehouse", owner))
    redshiftserverless.namespace(stock, Sketch("lab"))  # never tagged
    timestream.table(stock, timestream.database(stock, "lab", aws_key(site, "timestream")), Sketch("tests"))
    ssmsap.database(stock, ssmsap.application(stock, "QA"), Sketch("QAS", owner))
    eks.cluster(stock, Sketch("sandbox", owner))


def _strange(site: Site) -> None:
    """Names and tags that a page, a CSV or a terminal could stumble over."""
    stock = site.stock
    vcenter = backupgateway.hypervisor(stock, "vcenter-lab", "OFFLINE")
    for name in (HOSTILE_MACHINE, FAR_EASTERN_MACHINE, COMBINED_MACHINE):
        backupgateway.virtual_machine(stock, vcenter, Sketch(name))
    largest = fsx.file_system(stock, Sketch("build-cache", LARGEST_TAGS, aws_key(site, "fsx")), "OPENZFS")
    # No resource of its own for AWS Backup: it must not appear in the inventory.
    fsx.openzfs_volume(stock, largest, Sketch("build-cache-volume", {"owner": "lab"}))


def _skipped(site: Site, key: str) -> None:
    stock = site.stock
    fsx.file_system(stock, Sketch("old-shares", GOLD, key, "DELETING"), "WINDOWS")
    gateway = storagegateway.gateway(stock, "closed-office-gateway")
    storagegateway.volume(stock, gateway, Sketch("closed-office", GOLD, key, "DETACHED"))
    workloads.cluster(site, Sketch("leaving", GOLD, state="deleting"), "neptune")
    dsql.cluster(stock, Sketch("leaving-too", GOLD, state="DELETING"))
    redshift.cluster(stock, Sketch("retired-warehouse", GOLD, state="deleting"))
    redshiftserverless.namespace(stock, Sketch("closing", GOLD, key, "DELETING"))
    timestream.table(stock, "lab", Sketch("closing", GOLD, state="DELETING"))
    ssmsap.database(stock, "QA", Sketch("BROKEN", GOLD, state="ERROR"))
    eks.cluster(stock, Sketch("coming", GOLD, state="CREATING"))
