"""The command `aws` of scripts, as far as they use it: botocore checks names and types of every parameter.

Run with the options of the AWS CLI; `AWS_ENDPOINT_URL` says where the calls go. Without it, a call is only
checked against botocore's model, and recorded in the file AWS_CLI_LOG.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import jmespath  # type: ignore[import-untyped]
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import OperationModel
from botocore.session import Session
from botocore.validate import validate_parameters

USAGE = 252
FAILED = 254
_STDIN = "file:///dev/stdin"


def main(arguments: list[str]) -> int:
    """Perform one call, and return the exit code of the AWS CLI."""
    service, operation, *options = arguments
    given = dict(zip(options[::2], options[1::2], strict=True))
    region, query, output = (given.pop(name, "") for name in ("--region", "--query", "--output"))
    session = Session()  # not boto3, which takes three times as long to import
    api = session.get_service_model(service)
    name = next(name for name in api.operation_names if xform_name(name, "-") == operation)
    model = api.operation_model(name)
    members = model.input_shape.members if model.input_shape is not None else {}
    parameters = _parameters(given, {f"--{xform_name(member, '-')}": member for member in members})
    try:
        if model.input_shape is not None:
            validate_parameters(parameters, model.input_shape)
        answer = _perform(session, model, region, parameters)
    except BotoCoreError as problem:
        sys.stderr.write(f"{problem}\n")
        return USAGE
    except ClientError as problem:
        sys.stderr.write(f"{problem}\n")
        return FAILED
    answer.pop("ResponseMetadata", None)
    result = jmespath.search(query, answer) if query else answer
    sys.stdout.write(f"{result if output == 'text' else json.dumps(result, default=str)}\n")
    return 0


def _parameters(given: dict[str, str], members: dict[str, str]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for option, text in given.items():
        content: Any = json.loads(sys.stdin.read()) if text == _STDIN else text
        if option == "--cli-input-json":
            parameters |= content
        else:
            parameters[members[option]] = content
    return parameters


def _perform(
    session: Session, model: OperationModel, region: str, parameters: dict[str, Any]
) -> dict[str, Any]:
    service = model.service_model.service_name
    if log := os.environ.get("AWS_CLI_LOG"):
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(json.dumps([service, model.name, parameters]) + "\n")
        return {"Account": os.environ["AWS_CLI_ACCOUNT"]}
    client = session.create_client(service, region_name=region or "us-east-1")
    answer: dict[str, Any] = getattr(client, xform_name(model.name))(**parameters)
    return answer


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
