"""Which services are simulated here, by boto3's name. A new one is a file, and a name in this table."""

from collections.abc import Mapping

from scanner.demo.services import (
    backupgateway,
    cloudformation,
    dsql,
    eks,
    fsx,
    redshift,
    redshiftserverless,
    ssmsap,
    storagegateway,
    timestream,
)
from scanner.demo.services.simulation import Service

SERVICES: Mapping[str, Service] = {
    module.SERVICE.name: module.SERVICE
    for module in (
        backupgateway,
        cloudformation,
        dsql,
        eks,
        fsx,
        redshift,
        redshiftserverless,
        ssmsap,
        storagegateway,
        timestream,
    )
}
