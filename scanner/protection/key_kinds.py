"""The keys of a resource, as far as a copy across accounts depends on them (catalogue, ruling 6)."""

from dataclasses import dataclass, field
from typing import Final

from scanner.model.inventory import Key, KeyKind
from scanner.model.known import EvidenceRef, Gap, Known, Ternary, Unread
from scanner.model.names import AccountId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencedKey:
    """A key that a resource or vault refers to. None: not known; the gaps say why."""

    name: str
    account: AccountId
    kind: KeyKind | None
    kind_gap: Gap | None
    policy: str | None
    policy_gap: Gap | None
    refs: tuple[EvidenceRef, ...] = ()


def referenced_key(name: str, account: AccountId, key: Key | None, missing: Gap) -> ReferencedKey:
    """Build a referenced key; `missing` is the gap to report if no shard describes the key."""
    if key is None:
        return ReferencedKey(
            name=name, account=account, kind=None, kind_gap=missing, policy=None, policy_gap=missing
        )
    return ReferencedKey(
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

    `encrypted` None or `keys` None: not known, and `gap` is the missing read, if there is one. `kind`: who
    manages the keys; of several kinds the most restrictive. None: not known.
    """

    encrypted: Ternary
    keys: tuple[ReferencedKey, ...] | None
    gap: Gap | None = None
    kind: KeyKind | None = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Compute the kind once: it is read a dozen times for each resource."""
        object.__setattr__(self, "kind", self._kind())

    def _kind(self) -> KeyKind | None:
        if self.encrypted is False:
            return KeyKind.NONE
        if self.encrypted is None or self.keys is None:
            return None
        kinds = {key.kind for key in self.keys}
        # AWS managed keys cannot be shared with another account, so one of them prevents the copy (AWS Backup
        # developer guide, "Encryption for backup copies").
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
        """The missing read that leaves `kind` unknown, if there is one."""
        return self.gap or next((key.kind_gap for key in self.keys or () if key.kind_gap), None)

    @property
    def aws_managed(self) -> tuple[str, ...]:
        """The names of the AWS managed keys."""
        return tuple(key.name for key in self.keys or () if key.kind is KeyKind.AWS_MANAGED)

    @property
    def because(self) -> str:
        """Why a key prevents a copy, or why none does."""
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
