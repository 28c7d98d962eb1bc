"""The configuration as it is to be: strategies change a working copy, and the differences are the changes."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from scanner.fixes.configuration import Configuration, Document, RecordedPlan, RecordedShard, RecordedVault
from scanner.fixes.policies import denies_its_change
from scanner.model.names import AWS_GLOBAL, ORG, parse_arn
from scanner.model.planning.fix import FixChange
from scanner.model.planning.planned_change import VAULT_KINDS, ChangeKind
from scanner.model.root_causes import RootCause, Step

SID: str = "Vaultproof"
"""How the ids of statements begin that are added to policies."""


class NoFixError(Exception):
    """No change can be proposed. The message is one sentence that says why."""


@dataclass(slots=True)
class Entry:
    """One thing of the working copy. `before` None: it does not exist yet."""

    kind: ChangeKind
    account: str
    region: str
    step: Step
    document: Document
    before: Mapping[str, Any] | None
    name: str = ""
    id: str = ""
    plan_id: str = ""
    plan_name: str = ""
    context: dict[str, Any] = field(default_factory=dict)
    causes: dict[tuple[str, ...], RootCause] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def because_of(self, cause: RootCause, *notes: str) -> None:
        """Record the root cause that the change mends, and what a reader must know."""
        self.causes.setdefault(cause.key, cause)
        self.notes.update(dict.fromkeys(notes))

    def change(self) -> FixChange | None:
        """Return the change; None: nothing differs."""
        # A strategy may find that another one has mended its cause already.
        if self.before is not None and self.before == self.document:
            return None
        return FixChange(
            kind=self.kind,
            account=self.account,
            region=self.region,
            # Copied, as strategies go on changing the draft in later rounds.
            document=deepcopy(self.document),
            step=self.step,
            name=self.name,
            id=self.id,
            plan_id=self.plan_id,
            plan_name=self.plan_name,
            before=self.before,
            context=dict(self.context),
            causes=tuple(self.causes.values()),
            notes=tuple(self.notes),
        )


class Draft:
    """The working copy of all account-Regions. `created_ids`: of things that changes create, their names."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.created_ids: dict[str, str] = {}
        self._entries: dict[tuple[str, ...], Entry] = {}
        self._shards: dict[tuple[str, str], RecordedShard | None] = {}

    def changes(self) -> tuple[FixChange, ...]:
        """Return the changes in the order in which they are applied."""
        changes = (entry.change() for entry in self._entries.values())
        return tuple(sorted(filter(None, changes), key=_order))

    def drop(self, change: FixChange) -> None:
        """Return a thing to what it is, with the parts of it if it is new."""
        self._entries.pop(change.key, None)
        if change.is_new and change.kind in _PARTS:
            for key, entry in tuple(self._entries.items()):
                is_there = (entry.account, entry.region) == (change.account, change.region)
                # Parts of a vault have the vault's name; selections have a name of their own.
                owner = entry.plan_name if entry.kind is ChangeKind.SELECTION else entry.name
                if is_there and entry.kind in _PARTS[change.kind] and owner == change.name:
                    del self._entries[key]

    def deselect(self, change: FixChange, resources: AbstractSet[str]) -> None:
        """Take resources out of a selection that a change creates."""
        entry = self._entries.get(change.key)
        if entry is not None:
            entry.document["Resources"] = [arn for arn in entry.document["Resources"] if arn not in resources]
            # AWS Backup reads a selection without resources and tags as "everything", so it must go.
            if not entry.document["Resources"]:
                self.drop(change)

    def shard(self, account: str, region: str) -> RecordedShard:
        """Return what was recorded of an account-Region. NoFixError: the scan did not read it."""
        key = (account, region)
        if key not in self._shards:
            self._shards[key] = self.configuration.load(account, region)
        shard = self._shards[key]
        if shard is None:
            raise NoFixError(f"The scan did not read {account}/{region}.")
        return shard

    def plan(self, arn: str) -> Entry:
        """Return a plan to be changed, by its ARN. NoFixError: it cannot be."""
        parts = parse_arn(arn)
        if parts is None:
            raise NoFixError(f"{arn} is not the ARN of a backup plan.")
        identity = parts.resource.removeprefix("backup-plan:")
        # In a what-if, new plans have made-up ids: findings about them name these.
        name = self.created_ids.get(identity)
        if name is not None:
            return self._existing_entry(ChangeKind.PLAN, parts.account, parts.region, name)
        plan = self.shard(parts.account, parts.region).plans.get(identity)
        if plan is None:
            raise NoFixError(f"The scan did not read the backup plan {identity}.")
        if plan.is_of_organization:
            raise NoFixError(
                f"The backup plan {plan.name} comes from a backup policy of AWS Organizations and can only "
                f"be "
                "changed there."
            )
        return self._plan_entry(parts.account, parts.region, plan)

    def _plan_entry(self, account: str, region: str, plan: RecordedPlan) -> Entry:
        return self._entry(
            Entry(
                ChangeKind.PLAN,
                account,
                region,
                Step.RULES_AND_COPIES,
                deepcopy(dict(plan.document)),
                plan.document,
                name=plan.name,
                id=plan.id,
            )
        )

    def plans_in(self, account: str, region: str) -> Iterator[tuple[str, Document]]:
        """Yield the plans that can be changed there, new ones included: the ARN or name, and the document."""
        shard = self.shard(account, region)
        for plan in shard.plans.values():
            if not plan.is_of_organization:
                # The changed document, so that each strategy sees what earlier ones did.
                entry = self._entries.get((account, region, ChangeKind.PLAN.value, "", plan.id))
                yield plan.arn, entry.document if entry else dict(plan.document)
        for entry in self._entries.values():
            if (
                entry.kind is ChangeKind.PLAN
                and not entry.id
                and (entry.account, entry.region) == (account, region)
            ):
                yield entry.name, entry.document

    def changed_plans(self) -> Iterator[Entry]:
        """Yield the plans that differ from what they are, new ones included."""
        for entry in tuple(self._entries.values()):
            if entry.kind is ChangeKind.PLAN and entry.before != entry.document:
                yield entry

    def created(self, kind: ChangeKind, account: str, region: str, name: str) -> Entry | None:
        """Return a thing that a change creates; None: none does."""
        return self._entries.get((account, region, kind.value, "", name))

    def rule(self, subject: str) -> tuple[Entry, Document]:
        """Return a rule to be changed, by its name in findings (`PLAN_ARN#RULE_ID`), and its plan."""
        arn, _, identity = subject.partition("->")[0].partition("#")
        plan = self.plan(arn)
        name = self.created_ids.get(identity)
        for rule in plan.document.get("Rules") or ():
            # New rules have no id before AWS assigns one.
            if rule.get("RuleId") == identity or (name is not None and rule.get("RuleName") == name):
                return plan, rule
        raise NoFixError(f"The scan did not read the rule {identity} of the backup plan {plan.name}.")

    def copy_action(self, subject: str) -> tuple[Entry, Document, Document]:
        """Return a copy action to be changed (`PLAN_ARN#RULE_ID->VAULT_ARN`), with its plan and rule."""
        plan, rule = self.rule(subject)
        destination = subject.partition("->")[2]
        for action in rule.get("CopyActions") or ():
            if action.get("DestinationBackupVaultArn") == destination:
                return plan, rule, action
        raise NoFixError(f"The rule {rule.get('RuleName')} has no copy action to {destination}.")

    def recorded_vault(self, arn: str) -> tuple[RecordedShard, RecordedVault]:
        """Return a vault as it is, and its account-Region. NoFixError: the scan has none."""
        shard, name = self._place_of_vault(arn)
        vault = shard.vaults.get(name)
        if vault is None:
            raise NoFixError(f"The scan has no backup vault {name} in {shard.account}/{shard.region}.")
        return shard, vault

    def has_vault(self, arn: str) -> bool:
        """Check whether a vault exists, or is created by a change."""
        shard, name = self._place_of_vault(arn)
        return name in shard.vaults or bool(self.created(ChangeKind.VAULT, shard.account, shard.region, name))

    def _place_of_vault(self, arn: str) -> tuple[RecordedShard, str]:
        parts = parse_arn(arn)
        if parts is None or not parts.resource.startswith("backup-vault:"):
            raise NoFixError(f"{arn} is not the ARN of a backup vault.")
        return self.shard(parts.account, parts.region), parts.resource.removeprefix("backup-vault:")

    def vault_policy(self, arn: str) -> Entry:
        """Return the access policy of a vault, to be extended.

        Raises:
            NoFixError: the policy was not read, or it denies its own change.
        """
        shard, name = self._place_of_vault(arn)
        vault = shard.vaults.get(name)
        if vault is None:
            # The vault is one that a change creates: it has no policy yet.
            return self.part_of_vault(ChangeKind.VAULT_POLICY, arn, None)
        if vault.policy_problem:
            raise NoFixError(vault.policy_problem)
        # AWS would refuse the call, whatever the evidence with the new policy would show.
        if vault.policy is not None and denies_its_change(vault.policy):
            raise NoFixError(
                "The present policy of the vault denies every principal to change it, so AWS refuses a new "
                "one. Ask AWS Support to remove the policy, and run audit fix on a new scan."
            )
        return self.part_of_vault(ChangeKind.VAULT_POLICY, arn, vault.policy)

    def part_of_vault(self, kind: ChangeKind, arn: str, before: Mapping[str, Any] | None) -> Entry:
        """Return the policy, the lock or the notifications of a vault, to be changed."""
        shard, name = self._place_of_vault(arn)
        step = Step.LOCKS if kind is ChangeKind.VAULT_LOCK else Step.ROLES_AND_POLICIES
        vault = shard.vaults.get(name)
        entry = Entry(
            kind, shard.account, shard.region, step, deepcopy(dict(before or {})), before, name=name
        )
        # CloudFormation has policy, lock and notifications in the vault: formats need it as a whole.
        entry.context["vault"] = {} if vault is None else _whole(vault)
        return self._entry(entry)

    def add(self, entry: Entry) -> Entry:
        """Add something new, or return the one that has been added."""
        return self._entry(entry)

    def region_settings(self, account: str, region: str) -> Entry:
        """Return the settings of the Region. NoFixError: they were not read."""
        opt_in = self.shard(account, region).opt_in
        if opt_in is None:
            raise NoFixError(f"The scan did not read the settings of {account}/{region}.")
        before = {"ResourceTypeOptInPreference": dict(opt_in)}
        entry = Entry(
            ChangeKind.REGION_SETTINGS, account, region, Step.ORGANIZATION, deepcopy(before), before
        )
        return self._entry(entry)

    def global_settings(self) -> Entry:
        """Return the global settings of the organisation. Only those that change are sent."""
        account = self.configuration.management_account
        if not account:
            raise NoFixError("The scan does not know the management account of the organisation.")
        # UpdateGlobalSettings leaves settings alone that it does not name.
        entry = Entry(ChangeKind.GLOBAL_SETTINGS, account, ORG, Step.ORGANIZATION, {}, {})
        return self._entry(entry)

    def role(self, arn: str) -> Entry:
        """Return a role: new, or with its trust policy. NoFixError: that was not read."""
        parts = parse_arn(arn)
        if parts is None or not parts.resource.startswith("role/"):
            raise NoFixError("The backup selection names no role that could be created.")
        shard = self.shard(parts.account, AWS_GLOBAL)
        trust = shard.roles.get(arn)
        if arn in shard.roles and trust is None:
            # An unknown trust policy would be replaced, and with it whoever else may assume the role.
            raise NoFixError(f"The scan did not read the trust policy of {arn}.")
        before = {"AssumeRolePolicyDocument": trust} if arn in shard.roles else None
        entry = Entry(
            ChangeKind.ROLE,
            parts.account,
            AWS_GLOBAL,
            Step.ROLES_AND_POLICIES,
            deepcopy(dict(before or {})),
            before,
            name=arn,
        )
        return self._entry(entry)

    def key_policy(self, arn: str) -> Entry:
        """Return the policy of a KMS key. NoFixError: it was not read."""
        parts = parse_arn(arn)
        key = None if parts is None else self.shard(parts.account, parts.region).keys.get(arn)
        if parts is None or key is None or key.policy is None:
            raise NoFixError(f"The scan did not read the policy of {arn}.")
        entry = Entry(
            ChangeKind.KEY_POLICY,
            parts.account,
            parts.region,
            Step.ROLES_AND_POLICIES,
            deepcopy(dict(key.policy)),
            key.policy,
            name=arn,
        )
        return self._entry(entry)

    def tags(self, arn: str, account: str, region: str) -> Entry:
        """Return the tags of a resource. NoFixError: they were not read."""
        tags = self.configuration.tags.get(arn)
        # None: not read. An empty map would mean that the resource has no tags.
        if tags is None:
            raise NoFixError(f"The scan did not read the tags of {arn}.")
        before = {"Tags": dict(tags)}
        entry = Entry(ChangeKind.TAGS, account, region, Step.SELECTIONS, deepcopy(before), before, name=arn)
        return self._entry(entry)

    def _entry(self, entry: Entry) -> Entry:
        plan = entry.plan_id or entry.plan_name
        # Names of selections are unique within a plan only.
        key = (entry.account, entry.region, entry.kind.value, plan, entry.id or entry.name)
        # Two root causes that concern one thing change the same document.
        return self._entries.setdefault(key, entry)

    def _existing_entry(self, kind: ChangeKind, account: str, region: str, name: str) -> Entry:
        entry = self.created(kind, account, region, name)
        if entry is None:
            raise NoFixError(f"The change that creates {name} was dropped.")
        return entry


def _whole(vault: RecordedVault) -> Document:
    """Return a vault with its parts. `unread`: parts whose content is not known."""
    parts = {"AccessPolicy": vault.policy, "Notifications": vault.notifications}
    return {
        **vault.row,
        **{name: dict(part) for name, part in parts.items() if part is not None},
        "unread": bool(vault.policy_problem or vault.notifications_problem),
    }


_PARTS = {
    ChangeKind.PLAN: frozenset({ChangeKind.SELECTION}),
    ChangeKind.VAULT: VAULT_KINDS - {ChangeKind.VAULT},
}
_STEPS = {step: position for position, step in enumerate(Step)}


def _order(change: FixChange) -> tuple[int, str, str, int, tuple[str, ...]]:
    """Return where a change comes: by step; a vault before its policy, a plan before its selections."""
    kinds = list(ChangeKind)
    return (_STEPS[change.step], change.account, change.region, kinds.index(change.kind), change.key)
