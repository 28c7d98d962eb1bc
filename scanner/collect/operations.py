"""What a collector declares before it may call it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of AWS that a collector calls.

    `service` is boto3's client name, `name` the API's own spelling, `action` the IAM action that allows
    it (not always the same name: `s3:ListAllMyBuckets`), `also` what else the call needs. `page` is the
    page size asked for; 0: AWS's own. `secrets` are response fields that never reach the evidence:
    `Reservations[].Instances[].UserData`. `after` are the operations (`service:Operation`) whose answers name
    what it is called about: without them it is not called at all. `own` are the members of the answer that
    hold ARNs or ids of the account and Region that is called; `same` pairs a parameter with the member that
    repeats it under another name (`response_identity`).
    """

    service: str
    name: str
    action: str
    page: int = 0
    secrets: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    same: tuple[tuple[str, str], ...] = ()

    @property
    def actions(self) -> tuple[str, ...]:
        """Every IAM action that the call needs."""
        return (self.action, *self.also)

    @property
    def key(self) -> str:
        """The operation as evidence and package data name it: `backup:ListBackupPlans`."""
        return f"{self.service}:{self.name}"
