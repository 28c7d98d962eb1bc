"""What an evaluated scan suggests for audit.yaml: its scope, unread accounts, tags of owners and tiers."""

from collections import Counter
from pathlib import Path
from typing import Final

from scanner.app.judged import read_judged
from scanner.evidence.manifest import read_manifest
from scanner.model.manifest import Manifest, unread_accounts
from scanner.settings.template import Answers

_OWNERS: Final = ("owner", "team", "service-owner", "contact")
"""Keys of tags that name owners, in lower case, the best first."""

_TIER: Final = "tier"
_TIERS: Final = 5


def suggested_settings(folder: Path) -> Answers:
    """Return the answers that a scan gives. BundleError: it has no manifest, or a file does not match it.

    Tags are read where the scan was evaluated; a bundle has its scope only.
    """
    manifest = read_manifest(folder)
    owners, tiers = _tags(folder) if manifest.files else ((), ())
    scope = manifest.scope
    # Only a scan of the whole organisation shows which accounts should have been read and were not.
    is_whole = scope.organization_id is not None and not scope.limited_to
    return Answers(
        organization=scope.organization_id is not None,
        accounts=() if scope.organization_id is not None else tuple(scope.accounts),
        units=tuple(name for name in scope.limited_to if name.startswith(("ou-", "r-"))),
        regions=tuple(scope.regions),
        unread=_unread(manifest) if is_whole else {},
        owner_tags=owners,
        tiers=tiers,
        source=folder.name,
    )


def _unread(manifest: Manifest) -> dict[str, str]:
    return dict.fromkeys(unread_accounts(manifest), "State why it is left out.")


def _tags(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the keys of tags that name owners, and the values of the tag `tier`, the most frequent first."""
    keys: dict[str, Counter[str]] = {}
    tiers: Counter[str] = Counter()
    for row in read_judged(folder).resources or ():
        for tag in row.get("tags") or ():
            if not tag:  # a list that may be incomplete ends with NULL
                continue
            key, value = str(tag["key"]), str(tag["value"] or "")
            if key.lower() in _OWNERS:
                # Spellings are counted, so that the most frequent one is suggested.
                keys.setdefault(key.lower(), Counter())[key] += 1
            if key.lower() == _TIER and key == _TIER:
                tiers[value] += 1
    # In the order of preference, not of frequency.
    owners = tuple(keys[name].most_common(1)[0][0] for name in _OWNERS if name in keys)
    return owners, tuple(value for value, _ in tiers.most_common(_TIERS) if value)
