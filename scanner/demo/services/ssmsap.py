"""AWS Systems Manager for SAP: applications, and their SAP HANA databases."""

from collections.abc import Mapping
from typing import Any

from scanner.demo.resource import Resource
from scanner.demo.services.simulation import Operation, Service, listing, not_found
from scanner.demo.services.stock import Document, Sketch, Stock, now
from scanner.demo.wire.answer import HTTP_NOT_FOUND
from scanner.demo.wire.paging import Pages

_INVALID = "ValidationException"
_APPLICATIONS, _DATABASES = "ssm-sap.application", "ssm-sap.database"
_SUMMARY = ("ApplicationId", "ComponentId", "DatabaseId", "DatabaseType", "Arn")
_ASKED = ("ApplicationId", "ComponentId", "DatabaseId")


def application(stock: Stock, name: str) -> str:
    """An SAP application on EC2. Its id."""
    arn = stock.arn("ssm-sap", f"HANA/{name}")
    document = {"Id": name, "DiscoveryStatus": "SUCCESS", "Type": "HANA", "Arn": arn, "Tags": {}}
    # Applications are no resources of AWS Backup: their databases are.
    stock.add(_APPLICATIONS, document)
    return name


def database(
    stock: Stock, application_id: str, sketch: Sketch, kind: str = "TENANT", *, secret: str = ""
) -> Resource:
    """A database of an application: its system database, or a tenant. `secret`: what holds its password."""
    arn = stock.arn("ssm-sap", f"HANA/{application_id}/DB/{sketch.name}")
    document = {
        "ApplicationId": application_id,
        "ComponentId": f"{application_id}-HDB00",
        "DatabaseId": sketch.name,
        "DatabaseName": sketch.name,
        "DatabaseType": kind,
        "Arn": arn,
        "Status": sketch.state or "RUNNING",
        "PrimaryHost": "sap-hana-1",
        "SQLPort": 30013,
        "LastUpdated": now(),
        "Credentials": [
            {
                "DatabaseName": sketch.name,
                "CredentialType": "ADMIN",
                "SecretId": secret or f"hana/{sketch.name}",
            }
        ],
    }
    stock.add(_DATABASES, document, arn, sketch.tags)
    return stock.resource(arn, "SAP HANA on Amazon EC2", sketch, managed=True)


def _list(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    application_id = parameters.get("ApplicationId")
    if application_id and application_id not in {entry["Id"] for entry in stock.of(_APPLICATIONS)}:
        raise not_found("ResourceNotFoundException", f"Application {application_id}", HTTP_NOT_FOUND)
    databases = [
        {**{key: entry[key] for key in _SUMMARY}, "Tags": dict(stock.tags.get(entry["Arn"], {}))}
        for entry in stock.of(_DATABASES)
        if application_id in (None, entry["ApplicationId"])
        # A missing parameter is no filter.
        and parameters.get("ComponentId") in (None, entry["ComponentId"])
    ]
    return {"Databases": databases}


def _get(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    """By its ARN, or by application, component and id. AWS declares no other error than this one."""
    for database_document in stock.of(_DATABASES):
        # A database has no id that is unique in the account: all three parts are needed.
        by_id = all(parameters.get(key) == database_document[key] for key in _ASKED)
        if by_id or parameters.get("DatabaseArn") == database_document["Arn"]:
            return {"Database": database_document, "Tags": dict(stock.tags.get(database_document["Arn"], {}))}
    raise not_found(_INVALID, "The database")


def _tags(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    arn = parameters["resourceArn"]
    if arn not in {entry["Arn"] for kind in (_APPLICATIONS, _DATABASES) for entry in stock.of(kind)}:
        raise not_found("ResourceNotFoundException", f"Resource {arn}", HTTP_NOT_FOUND)
    return {"tags": dict(stock.tags.get(arn, {}))}


def _pages(items: str) -> Pages:
    return Pages(items, size=2, invalid=_INVALID)


SERVICE = Service(
    "ssm-sap",
    _INVALID,
    {
        "ListApplications": Operation(
            listing(_APPLICATIONS, "Applications"), Pages("Applications", size=1, invalid=_INVALID)
        ),
        "ListDatabases": Operation(_list, _pages("Databases")),
        "GetDatabase": Operation(_get),
        "ListTagsForResource": Operation(_tags),
    },
)
