"""Production in Ireland: what no API should tell and some do. Stacks have theirs where they are planted."""

import base64

from scanner.demo.breadth.gold import Protected
from scanner.demo.canaries import CANARIES
from scanner.demo.estate.clusters import await_password
from scanner.demo.estate.site import Site
from scanner.demo.production import Production
from scanner.demo.services import eks, fsx, redshift, ssmsap
from scanner.demo.services.stock import Sketch


def plant(site: Site, production: Production, protected: Protected) -> None:
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
    told = base64.b64encode(script.encode())
    instance_id = resources.gold[0].arn.rpartition("/")[2]
    site.do("ec2", "ModifyInstanceAttribute", InstanceId=instance_id, UserData={"Value": told})
