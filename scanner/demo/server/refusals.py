"""Refusals are planted data: which call of which account is denied, and how each service says so."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scanner.demo.server.authorization import refused_action
from scanner.demo.wire.answer import HTTP_BAD_REQUEST, HTTP_FORBIDDEN, ApiError
from scanner.demo.wire.call import Call

EVERYWHERE = "*"
HTTP_UNAUTHORIZED = 401

_DENIED: Mapping[str, tuple[str, int]] = {
    "query": ("AccessDenied", HTTP_FORBIDDEN),
    "ec2": ("UnauthorizedOperation", HTTP_FORBIDDEN),
    "rest-xml": ("AccessDenied", HTTP_FORBIDDEN),
    "rest-json": ("AccessDeniedException", HTTP_FORBIDDEN),
    "json": ("AccessDeniedException", HTTP_BAD_REQUEST),
}
_UNKNOWN_KEY: Mapping[str, tuple[str, int]] = {
    "query": ("InvalidClientTokenId", HTTP_FORBIDDEN),
    "ec2": ("AuthFailure", HTTP_UNAUTHORIZED),
    "rest-xml": ("InvalidAccessKeyId", HTTP_FORBIDDEN),
    "rest-json": ("UnrecognizedClientException", HTTP_FORBIDDEN),
    "json": ("UnrecognizedClientException", HTTP_BAD_REQUEST),
}
_EXPIRED: Mapping[str, tuple[str, int]] = {
    "query": ("ExpiredToken", HTTP_FORBIDDEN),
    "ec2": ("RequestExpired", HTTP_BAD_REQUEST),
    "rest-xml": ("ExpiredToken", HTTP_BAD_REQUEST),
    "rest-json": ("ExpiredTokenException", HTTP_FORBIDDEN),
    "json": ("ExpiredTokenException", HTTP_BAD_REQUEST),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One planted refusal. `parameters`: the call is refused only with these; empty means always."""

    account: str
    region: str
    service: str
    operation: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    def applies(self, call: Call) -> bool:
        """Whether this refusal is meant for the call."""
        return (
            (self.account, self.service, self.operation) == (call.account, call.service, call.operation)
            and self.region in (EVERYWHERE, call.region)
            and all(call.parameters.get(key) == value for key, value in self.parameters.items())
        )


def denied(call: Call, protocol: str) -> ApiError:
    """The error of a caller that lacks the permission."""
    code, status = _DENIED[protocol]
    action = refused_action(call)
    return ApiError(
        code,
        f"User: {call.caller} is not authorized to perform: {action} "
        "because no identity-based policy allows the action",
        status,
    )


def unknown_key(protocol: str) -> ApiError:
    """The error for an access key that AWS does not know."""
    code, status = _UNKNOWN_KEY[protocol]
    return ApiError(code, "The security token included in the request is invalid.", status)


def expired(protocol: str) -> ApiError:
    """The error for a session that is over."""
    code, status = _EXPIRED[protocol]
    return ApiError(code, "The security token included in the request is expired", status)
