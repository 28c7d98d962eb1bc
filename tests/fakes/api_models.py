"""Operations of AWS's APIs, as botocore describes them."""

from functools import cache

from botocore.model import OperationModel, ServiceModel
from botocore.session import Session


@cache
def _session() -> Session:
    return Session()


@cache
def _service(name: str) -> ServiceModel:
    return _session().get_service_model(name)


def operation_model(operation: str) -> OperationModel:
    """Return the model of an operation such as `backup:ListBackupPlans`. Each service is decoded once."""
    service, name = operation.split(":")
    return _service(service).operation_model(name)
