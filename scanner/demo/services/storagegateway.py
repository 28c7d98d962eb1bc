"""AWS Storage Gateway: gateways, and the volumes of volume gateways."""

from collections.abc import Mapping
from typing import Any, Literal

from scanner.demo.resource import Resource, tag_list
from scanner.demo.services.simulation import Operation, Service, listing, not_found
from scanner.demo.services.stock import Document, Sketch, Stock, identifier, now
from scanner.demo.wire.paging import Pages

_INVALID = "InvalidGatewayRequestException"
_GATEWAYS, _INFOS = "storagegateway.gateway", "storagegateway.volume"
_CACHED, _STORED = "storagegateway.cached", "storagegateway.stored"
_SIZE = 107_374_182_400  # bytes, 100 GiB

GatewayType = Literal["CACHED", "STORED", "FILE_S3"]


def gateway(stock: Stock, name: str, kind: GatewayType = "CACHED") -> str:
    """A gateway; those of type CACHED and STORED have volumes. Its ARN."""
    gateway_id = identifier("sgw-", 8).upper().replace("SGW", "sgw")
    arn = stock.arn("storagegateway", f"gateway/{gateway_id}")
    document = {
        "GatewayId": gateway_id,
        "GatewayARN": arn,
        "GatewayType": kind,
        "GatewayOperationalState": "ACTIVE",
        "GatewayName": name,
        "HostEnvironment": "VMWARE",
    }
    stock.add(_GATEWAYS, document)
    return arn


def volume(stock: Stock, gateway_arn: str, sketch: Sketch) -> Resource:
    """A volume of a volume gateway; without a key under Amazon S3's own. Its name is a tag."""
    volume_id = identifier("vol-")
    arn = f"{gateway_arn}/volume/{volume_id}"
    stored = next(candidate for candidate in stock.of(_GATEWAYS) if candidate["GatewayARN"] == gateway_arn)
    # Two calls describe volumes, one for each of these types.
    kind = "STORED iSCSI" if stored["GatewayType"] == "STORED" else "CACHED iSCSI"
    attachment = sketch.state or "ATTACHED"
    shared = {
        "VolumeARN": arn,
        "VolumeId": volume_id,
        "VolumeType": kind,
        "VolumeSizeInBytes": _SIZE,
        "VolumeAttachmentStatus": attachment,
    }
    info = {**shared, "GatewayARN": gateway_arn, "GatewayId": stored["GatewayId"]}
    stock.add(_INFOS, info, arn, {"Name": sketch.name, **sketch.tags})
    detail = {
        **shared,
        "VolumeStatus": "AVAILABLE",
        "CreatedDate": now(),
        "VolumeUsedInBytes": _SIZE // 3,
        "KMSKey": sketch.key,
        "TargetName": sketch.name,
        "VolumeiSCSIAttributes": {"TargetARN": f"{gateway_arn}/target/iqn.1997-05.com.amazon:{volume_id}"},
    }
    stock.add(_STORED if kind.startswith("STORED") else _CACHED, detail)
    return stock.resource(arn, "Storage Gateway", sketch)


def _list_volumes(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    gateway_arn = parameters.get("GatewayARN")
    if gateway_arn and gateway_arn not in {candidate["GatewayARN"] for candidate in stock.of(_GATEWAYS)}:
        raise not_found(_INVALID, f"The specified gateway {gateway_arn}")
    infos = [info for info in stock.of(_INFOS) if gateway_arn in (None, info["GatewayARN"])]
    return {"GatewayARN": gateway_arn, "VolumeInfos": infos} if gateway_arn else {"VolumeInfos": infos}


def _details(stock: Stock, arns: list[str], kind: str) -> list[Document]:
    """The volumes of one gateway: AWS takes no others in one call (API reference)."""
    details = {detail["VolumeARN"]: detail for detail in stock.of(kind)}
    for arn in arns:
        if arn not in details:
            raise not_found(_INVALID, f"The specified volume {arn}")
    # A scan that describes volumes of several gateways at once loses all of them.
    if len({arn.partition("/volume/")[0] for arn in arns}) > 1:
        raise not_found(_INVALID, "One gateway that has all of the specified volumes")
    return [details[arn] for arn in arns]


def _cached(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    return {"CachediSCSIVolumes": _details(stock, parameters["VolumeARNs"], _CACHED)}


def _stored(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    return {"StorediSCSIVolumes": _details(stock, parameters["VolumeARNs"], _STORED)}


def _tags(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    arn = parameters["ResourceARN"]
    return {"ResourceARN": arn, "Tags": tag_list(stock.tags.get(arn, {}))}


def _pages(items: str) -> Pages:
    return Pages(items, "Limit", "Marker", "Marker", size=2, invalid=_INVALID)


SERVICE = Service(
    "storagegateway",
    _INVALID,
    {
        "ListGateways": Operation(listing(_GATEWAYS, "Gateways"), _pages("Gateways")),
        "ListVolumes": Operation(_list_volumes, _pages("VolumeInfos")),
        "DescribeCachediSCSIVolumes": Operation(_cached),
        "DescribeStorediSCSIVolumes": Operation(_stored),
        "ListTagsForResource": Operation(_tags, Pages("Tags", "Limit", "Marker", "Marker", invalid=_INVALID)),
    },
)
