"""Files of changes: finds out what each is, and reads it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from scanner.errors import ConfigurationError, UsageError
from scanner.model.planning.planned_change import ChangeSet
from scanner.storage.bounded import read_regular
from scanner.what_if.backup_json import backup_changes, is_backup_json
from scanner.what_if.change_sets import change_set_changes, is_change_set
from scanner.what_if.changes import Defaults, combined
from scanner.what_if.cloudformation import is_template, template_changes
from scanner.what_if.terraform.plan import is_terraform, terraform_changes
from scanner.yamlfile import YamlDocument, read_yaml

_MOST: Final = 256 << 20
"""Bytes of a file: the plan of a large Terraform configuration has tens of megabytes."""


def read_changes(files: Sequence[Path], defaults: Defaults) -> ChangeSet:
    """Read the changes of all files.

    Raises:
        UsageError: a file cannot be read or is of no known kind, or two changes contradict each other.
        ConfigurationError: a template has mistakes.
    """
    return combined([_changes_of(file, defaults) for file in files])


def _changes_of(file: Path, defaults: Defaults) -> ChangeSet:
    content = _content(file)
    # JSON first: it is also YAML, but YAML is far slower for plans of tens of megabytes.
    document = _json(content)
    template = _yaml(content, file) if document is None else YamlDocument(document, {})
    if is_terraform(document):
        return terraform_changes(document, str(file), defaults)
    # A change set has no Resources, a template no Changes: the order of these checks is free.
    if is_change_set(template.data):
        return change_set_changes(template.data, str(file), defaults)
    if is_template(template.data):
        return template_changes(template, str(file), defaults)
    if is_backup_json(template.data):
        return backup_changes(template.data, str(file), defaults)
    raise UsageError(
        f"{file} is neither a plan of Terraform (terraform show -json), nor a CloudFormation template, nor "
        "JSON of AWS Backup as the AWS CLI takes it."
    )


def _content(file: Path) -> bytes:
    try:
        return read_regular(file, _MOST)
    except OSError as problem:
        raise UsageError(f"{file} cannot be read: {problem.strerror or problem}.") from problem


def _json(content: bytes) -> Any:  # noqa: ANN401 -- whatever JSON holds
    """Return the JSON of a file; None: it is not JSON."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def _yaml(content: bytes, file: Path) -> YamlDocument:
    # Terraform's plan files are ZIP archives, and the usual mistake is to name one of them.
    if content.startswith(b"PK\x03\x04"):
        raise UsageError(
            f"{file} is a binary plan of Terraform. Name the output of terraform show -json {file}."
        )
    try:
        text = content.decode()
    except UnicodeDecodeError as problem:
        raise UsageError(f"{file} is neither JSON nor YAML: it is not UTF-8 text.") from problem
    # !Ref and its like are not YAML's own tags.
    document, mistakes = read_yaml(text, str(file), short_forms=True)
    if mistakes or document is None:
        raise ConfigurationError(mistakes)
    return document
