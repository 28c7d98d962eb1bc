"""Who is asked about a finding, in words."""

from scanner.model.owner import Owner


def asked(owner: Owner | None) -> str:
    """Say who is asked; empty: nothing says how owners are named."""
    if owner is None:
        return ""
    if owner.name is None:
        return f"not known, {owner.source}"
    return owner.name or "no owner"
