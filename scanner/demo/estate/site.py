"""One account in one Region, as the place where things are planted."""

from dataclasses import dataclass
from typing import Any

from scanner.demo.backup.backend import DemoBackupBackend, backend_of
from scanner.demo.resource import Resource, Tags, tag_list
from scanner.demo.server.front import ApiRequest, Front, operation_of
from scanner.demo.services.stock import Stock, stock_of
from scanner.demo.wire.answer import rewrite_request
from scanner.demo.wire.call import Call, Environ

__all__ = ["Resource", "Site", "Tags", "tag_list"]


@dataclass(slots=True)
class Site:
    """An account in a Region; asks moto through the front, without a network and without refusals."""

    front: Front
    account: str
    region: str

    def do(self, service: str, operation_name: str, **parameters: object) -> dict[str, Any]:
        """Call an operation of a service here; parameters and answer are boto3's."""
        operation = operation_of(service, operation_name)
        # The owner of everything: what is planted must not depend on the scanner's permissions.
        caller = f"arn:aws:iam::{self.account}:root"
        call = Call(self.account, caller, self.region, service, operation_name, parameters)
        signing_name = str(operation.service_model.signing_name)
        environ = rewrite_request(self._environ(signing_name), operation, parameters)
        return self.front.perform(ApiRequest(call, operation, environ))

    @property
    def backup(self) -> DemoBackupBackend:
        """AWS Backup here."""
        return backend_of(self.account, self.region)

    @property
    def stock(self) -> Stock:
        """What the simulated services have here."""
        return stock_of(self.account, self.region)

    def arn(self, service: str, rest: str) -> str:
        """An ARN of this account and Region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"

    def _environ(self, signing_name: str) -> Environ:
        scope = f"PLANTING/20260101/{self.region}/{signing_name}/aws4_request"
        return {
            "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            # A host that names no service: moto then finds the service by the credential scope.
            "HTTP_HOST": "127.0.0.1:4566",
            "HTTP_X_MOTO_ACCOUNT_ID": self.account,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "4566",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SCRIPT_NAME": "",
            "wsgi.url_scheme": "http",
        }
