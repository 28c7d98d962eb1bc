"""Production in Ireland: what stands in no plan, and what AWS Backup skips in its state."""

from scanner.demo.estate import databases
from scanner.demo.estate.keys import aws_key
from scanner.demo.estate.site import Site
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
from scanner.demo.story.production_estate import GOLD

HOSTILE_MACHINE = "\"><svg onload=alert('vaultproof')>"
FAR_EASTERN_MACHINE = "備份-резервная-копия-ไทย-नेपाली 🗄️"
COMBINED_MACHINE = "Z\u0301\u0323a\u030al\u0327g\u0337o\u0338\u200b\u202e.exe"
"""A name of letters with marks, an invisible space, and a mark that turns the writing around."""

LARGEST_TAGS = {f"{number:02}-{'k' * 125}": "v" * 256 for number in range(49)}
"""With the name, as many tags as a resource can have, each as long as it can be (128 and 256 letters)."""


def plant(site: Site, key: str) -> None:
    """Of each type at least one; the tag tier=gold does not help those that AWS Backup skips."""
    _in_no_plan(site)
    _strange(site)
    _skipped(site, key)


def _in_no_plan(site: Site) -> None:
    stock, owner = site.stock, {"owner": "lab"}
    gateway = storagegateway.gateway(stock, "lab-gateway", "STORED")
    storagegateway.gateway(stock, "file-gateway", "FILE_S3")
    storagegateway.volume(stock, gateway, Sketch("lab-disk", owner))
    databases.cluster(site, Sketch("sandbox-documents", owner), "docdb")
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
    fsx.openzfs_volume(stock, largest, Sketch("build-cache-volume", {"owner": "lab"}))


def _skipped(site: Site, key: str) -> None:
    stock = site.stock
    fsx.file_system(stock, Sketch("old-shares", GOLD, key, "DELETING"), "WINDOWS")
    gateway = storagegateway.gateway(stock, "closed-office-gateway")
    storagegateway.volume(stock, gateway, Sketch("closed-office", GOLD, key, "DETACHED"))
    databases.cluster(site, Sketch("leaving", GOLD, state="deleting"), "neptune")
    dsql.cluster(stock, Sketch("leaving-too", GOLD, state="DELETING"))
    redshift.cluster(stock, Sketch("retired-warehouse", GOLD, state="deleting"))
    redshiftserverless.namespace(stock, Sketch("closing", GOLD, key, "DELETING"))
    timestream.table(stock, "lab", Sketch("closing", GOLD, state="DELETING"))
    ssmsap.database(stock, "QA", Sketch("BROKEN", GOLD, state="ERROR"))
    eks.cluster(stock, Sketch("coming", GOLD, state="CREATING"))
