"""The keys of a resource, as a copy across accounts sees them (catalogue, ruling 6)."""

from dataclasses import dataclass, field
from typing import Final

from scanner.model.inventory import Key, KeyKind
from scanner.model.names import AccountId
from scanner.model.reading import EvidenceRef, Gap, Known, Unread
from scanner.model.ternary import Ternary


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOf:
    """One key as a resource or vault names it. None: not known; the gaps say why."""

    name: str
    account: AccountId
    kind: KeyKind | None
    kind_gap: Gap | None
    policy: str | None
    policy_gap: Gap | None
    refs: tuple[EvidenceRef, ...] = ()


def key_of(name: str, account: AccountId, key: Key | None, missing: Gap) -> KeyOf:
    """Give a key as it was found; `missing` is the gap when no shard described it."""
    if key is None:
        return KeyOf(name=name, account=account, kind=None, kind_gap=missing, policy=None, policy_gap=missing)
    return KeyOf(
        name=key.arn or name,
        account=account,
        kind=key.kind.value if isinstance(key.kind, Known) else None,
        kind_gap=key.kind.gap if isinstance(key.kind, Unread) else None,
        policy=key.policy.value if isinstance(key.policy, Known) else None,
        policy_gap=key.policy.gap if isinstance(key.policy, Unread) else None,
        refs=(*key.refs, *(key.policy.refs if isinstance(key.policy, Known) else ())),
    )


@dataclass(frozen=True, slots=True)
class ResourceKeys:
    """All keys of a resource: several for an instance with several volumes.

    `encrypted` None or `keys` None: not known, and `gap` says why where a read is missing. `kind`: who
    manages the keys; the one that stops most where there are several. None: not known.
    """

    encrypted: Ternary
    keys: tuple[KeyOf, ...] | None
    gap: Gap | None = None
    kind: KeyKind | None = field(init=False, compare=False)  # asked a dozen times a resource

    def __post_init__(self) -> None:
        """Tell the kind once."""
        object.__setattr__(self, "kind", self._kind())

    def _kind(self) -> KeyKind | None:
        if self.encrypted is False:
            return KeyKind.NONE
        if self.encrypted is None or self.keys is None:
            return None
        kinds = {key.kind for key in self.keys}
        if KeyKind.AWS_MANAGED in kinds:
            return KeyKind.AWS_MANAGED
        if None in kinds:
            return None
        return KeyKind.CUSTOMER_MANAGED if kinds else KeyKind.AWS_OWNED

    @property
    def free_of_aws_managed(self) -> Ternary:
        """Whether no key of the resource is AWS managed."""
        return None if self.kind is None else self.kind is not KeyKind.AWS_MANAGED

    @property
    def first_gap(self) -> Gap | None:
        """Give the read that keeps `kind` open, where there is one."""
        return self.gap or next((key.kind_gap for key in self.keys or () if key.kind_gap), None)

    @property
    def aws_managed(self) -> tuple[str, ...]:
        """Give the names of the AWS managed keys."""
        return tuple(key.name for key in self.keys or () if key.kind is KeyKind.AWS_MANAGED)

    @property
    def because(self) -> str:
        """Say what is in the way, what is not known, or why nothing is."""
        if self.kind is None:
            return "who manages its key is unknown"
        if self.kind is KeyKind.AWS_MANAGED:
            return f"it is encrypted with the AWS managed key {', '.join(self.aws_managed)}"
        if self.kind is KeyKind.NONE:
            return "it is not encrypted"
        return f"it is encrypted with a key that is {_MANAGED_BY[self.kind]}"


_MANAGED_BY: Final = {
    KeyKind.CUSTOMER_MANAGED: "customer managed",
    KeyKind.AWS_OWNED: "owned by AWS, which does not prevent copies",
}
