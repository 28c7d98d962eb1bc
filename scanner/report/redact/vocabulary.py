"""The program's own words: those of its sentences, columns, controls and frameworks.

A sentence of a finding consists of these words and of names. The words are taken from the constants of the
modules that write sentences, so that there is no list to keep up to date.
"""

import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import CodeType
from typing import Final

from scanner.resources import controls_folder

ROOMS: Final = (
    "evidence",
    "evaluate",
    "facts",
    "graph",
    "inventory",
    "judging",
    "model",
    "protection",
    "report.explain",
    "services",
)
"""The packages whose sentences, columns and operations appear in findings."""

TOKEN: Final = re.compile(r"[^\s:/#,;()\[\]{}<>\"'`|=?!*&+\u2026\u2192\u00b7\u2018-\u201e]+")
"""A word or a name in a sentence; the text around it stays as it is."""

# AWS's own words for resources, jobs and vaults (API references): customers cannot choose them.
_OF_AWS: Final = """
aborted aborting active alarm available backing-up completed creating created creation deleted deleting delete
disabled enabled error expired failed importing impaired in-progress in-use inactive inaccessible incomplete
modifying optimized optimizing partial pending rebooting rebuilding restoring running scheduled shutting-down
starting stopped stopping storage-optimization suspended terminated updating upgrading unavailable
create_complete create_failed create_in_progress delete_complete delete_failed delete_in_progress
rollback_complete rollback_failed update_complete update_failed update_rollback_complete
success vss_error limit_exceeded access_denied concurrent_job feature_not_enabled job_expired
invalid_lifecycle invalid_state kms_key_error access_key_error hypervisor_offline
resource_not_found resource_not_supported tag_copy_error token_expired unsupported_operation
fatal_error miscellaneous
continuous standard warm cold governance compliance backup_vault logically_air_gapped_backup_vault
restore_access_backup_vault opt-in-not-required opted-in not-opted-in utc etc
evidence facts inventory jsonl gz parquet json org aws-global manifest findings summary cron rate
accessdenied accessdeniedexception authfailure expiredtoken expiredtokenexception internalerror
internalfailure
internalserviceerror invalidclienttokenid invalidparametervalueexception invalidrequestexception
limitexceededexception nosuchbucket nosuchentity notfoundexception optinrequired requestexpired
requestlimitexceeded resourcenotfoundexception serviceunavailable serviceunavailableexception
subscriptionrequiredexception throttling throttlingexception toomanyrequestsexception unauthorizedoperation
unauthorizedexception unrecognizedclientexception validationexception
backup_job_started backup_job_completed backup_job_successful backup_job_failed backup_job_expired
copy_job_started copy_job_successful copy_job_failed restore_job_started restore_job_completed
restore_job_successful restore_job_failed recovery_point_modified backup_plan_created backup_plan_modified
recovery_point_indexing_failed recovery_point_index_completed recovery_point_index_deleted
s3_backup_object_failed s3_restore_object_failed continuous_backup_interrupted
fsx_windows fsx_lustre fsx_openzfs fsx_ontap online review_in_progress point-in-time requiredfrequencyunit
requiredfrequencyvalue mpa backup-gateway ec2 rds dynamodb elasticfilesystem fsx s3 kms sns sqs iam sts
organizations cloudformation
redshift redshift-serverless timestream storagegateway ssm-sap dsql eks docdb neptune aurora
mon tue wed thu fri sat sun jan feb mar apr may jun jul aug sep oct nov dec day days hour hours minute minutes
"""


def tokens(text: str) -> Iterator[str]:
    """Yield the words of a text in lower case, without the points and dashes around them."""
    for token in TOKEN.findall(text):
        if word := core(token).lower():
            yield word


def core(token: str) -> str:
    """Remove the signs that end a sentence or separate two things."""
    return token.strip(".-_\u2013\u2014\u2212@%~^$\\")


@cache
def vocabulary() -> frozenset[str]:
    """Return all of the program's own words."""
    # AWS's words cannot be collected: they come from answers, not from this code.
    words = set(_OF_AWS.split())
    for room in ROOMS:
        for text in _texts(f"scanner.{room}"):
            words.update(tokens(text))
    for path in sorted(controls_folder().rglob("*.yaml")):
        # Examples contain invented names, which would count as words of the program.
        if not path.name.endswith(".cases.yaml"):
            words.update(tokens(path.read_text("utf-8")))
    return frozenset(words)


def _texts(room: str) -> Iterator[str]:
    package = import_module(room)
    yield from _of_module(room)
    for module in pkgutil.iter_modules(package.__path__, f"{room}."):
        if module.ispkg:
            yield from _texts(module.name)
        else:
            yield from _of_module(module.name)


def _of_module(name: str) -> Iterator[str]:
    """Yield the texts of a compiled module, without running it."""
    spec = find_spec(name)
    # Running the modules would import boto3 and DuckDB for a list of words.
    code = getattr(spec.loader, "get_code", lambda _: None)(name) if spec is not None else None
    if isinstance(code, CodeType):
        yield from _of_code(code)


def _of_code(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _of_code(constant)
        else:
            yield from _of_constant(constant)


def _of_constant(constant: object) -> Iterator[str]:
    if isinstance(constant, str):
        yield constant
    elif isinstance(constant, tuple | frozenset):
        for member in constant:
            yield from _of_constant(member)
