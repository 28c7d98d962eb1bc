"""The settings that verdicts rest on, as a file of the scan: `inputs/audit.yaml`.

Sections that do not change a verdict are left out: scope, outputs and notify name roles, external ids,
buckets and topics, which are not for the readers of a scan. `report` is what these readers are shown.
"""

import re
from collections.abc import Sequence
from typing import Final

from scanner.errors import ConfigurationError, Mistake
from scanner.settings.settings import Settings
from scanner.yamlfile import write_yaml

_SECTIONS: Final = {"parameters", "waivers", "tiers", "overrides", "owners", "score", "report", "frameworks"}

# IAM user guide, "IAM identifiers" (unique id prefixes); RFC 7468.
_SECRET: Final = re.compile(r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----")

_HEADER: Final = """\
# The settings that the verdicts of this scan rest on. audit evaluate uses them unless --config or --controls
# is given. Other sections of audit.yaml are not stored.
"""


def stored_settings(settings: Settings, controls: Sequence[str]) -> bytes:
    """Return the text of `inputs/audit.yaml`. `controls`: the values of --controls."""
    # Defaults are left out, so that the stored file says what the team decided.
    document = settings.model_dump(mode="json", include=_SECTIONS, exclude_defaults=True)
    # A default that another version might change is written, too.
    inherited = settings.parameters.count_inherited_backup
    parameters = {"count_inherited_backup": inherited, **document.pop("parameters", {})}
    content = {"controls": list(controls), "parameters": parameters, **document}
    return f"{_HEADER}{write_yaml(content)}".encode()


def refuse_secrets(file: str, content: bytes) -> None:
    """Raise ConfigurationError if a file that a scan would store has an AWS access key or a private key."""
    # Bytes that are no UTF-8 must not hide a secret in the rest of the file.
    text = content.decode(errors="replace")
    if match := _SECRET.search(text):
        # Line numbers, never the match: the message must not repeat the secret.
        line = text.count("\n", 0, match.start()) + 1
        message = "this looks like a secret, and the scan would store it, where its readers see it"
        raise ConfigurationError((Mistake(file, line, message, "remove the secret"),))
