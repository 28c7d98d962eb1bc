"""The sections `tiers` and `overrides` of audit.yaml.

Tiers may be written as a list, or as a mapping by their names; both are in the order of the file.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from scanner.model.tier import Match, Tier
from scanner.yamlfile import Path as KeyPath

TIERS: Final = "tiers"
_NAME: Final = "name"

# Patterns of accounts and Regions: as AWS writes them, or with a star somewhere.
_Account = Annotated[str, StringConstraints(pattern=r"^([0-9]{12}|[0-9]{0,12}\*[0-9*]{0,12})$")]

_Region = Annotated[
    str, StringConstraints(pattern=r"^([a-z]{2,}(-[a-z]+)+-[0-9]{1,2}|aws-global|[a-z0-9-]*\*[a-z0-9*-]*)$")
]

# "Tag naming limits and requirements" (AWS General Reference). A value may be empty; nothing is cut off.
_TagKey = Annotated[str, StringConstraints(min_length=1, max_length=128)]
_TagValue = Annotated[str, StringConstraints(max_length=256)]

# No spaces: "not known" is what findings say of a tier that could not be told.
_TierName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Values = Mapping[str, Mapping[str, Any]]


class Section(BaseModel):
    """A mapping of audit.yaml: a key that it does not have is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _listed(value: object) -> object:
    """Take one text for a list of one. A tuple: what has been through here is no longer read as JSON."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


OneOrMore = (BeforeValidator(_listed), Field(min_length=1))
"""What makes of a list one that is not empty, or that is written as its only member."""
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Texts = Annotated[tuple[Text, ...], *OneOrMore]
UnitText = Annotated[str, StringConstraints(pattern=r"^(ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}|r-[0-9a-z]{4,32})$")]


class MatchSettings(Section):
    """Whom a tier or an override concerns: all that is said must hold."""

    tags: Annotated[
        Mapping[_TagKey, Annotated[tuple[_TagValue, ...], *OneOrMore]] | None, Field(min_length=1)
    ] = None
    types: Texts | None = None
    accounts: Annotated[tuple[_Account, ...], *OneOrMore] | None = None
    organizational_units: Annotated[tuple[UnitText, ...], *OneOrMore] | None = None
    regions: Annotated[tuple[_Region, ...], *OneOrMore] | None = None
    subjects: Texts | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        """Refuse what would concern everything: a slip of the indentation is enough to write that."""
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise PydanticCustomError("empty_match", "must say whom it concerns")
        return self

    def match(self) -> Match:
        """Give it as the model has it."""
        return Match(
            tags=tuple((self.tags or {}).items()),
            types=self.types or (),
            accounts=self.accounts or (),
            organizational_units=self.organizational_units or (),
            regions=self.regions or (),
            subjects=self.subjects or (),
        )


class TierSettings(Section):
    """A tier: a name, whom it concerns, and the parameters of controls."""

    name: _TierName
    match: MatchSettings
    parameters: Values = Field(default_factory=dict)

    def tier(self, parameters: Values) -> Tier:
        """Give it as the model has it, with its parameters by the ids that controls have now."""
        return Tier(self.name, self.match.match(), parameters)


class OverrideSettings(Section):
    """Parameters of controls for what a match concerns, whatever its tier."""

    match: MatchSettings
    parameters: Annotated[Values, Field(min_length=1)]

    def tier(self, parameters: Values) -> Tier:
        """Give it as the model has it: as a tier without a name."""
        return Tier("", self.match.match(), parameters)


def listed(document: Any) -> tuple[Any, tuple[str, ...]]:  # noqa: ANN401 -- what stands in the file
    """Give the file with tiers as a list, and their names where they are a mapping by name."""
    tiers = document.get(TIERS) if isinstance(document, dict) else None
    if not isinstance(tiers, dict):
        return document, ()
    return {**document, TIERS: [_named(name, each) for name, each in tiers.items()]}, tuple(tiers)


def _named(name: str, tier: Any) -> Any:  # noqa: ANN401 -- as above
    """Put the name into a tier; one that has a name within, too, has two, which is no text."""
    if not isinstance(tier, dict):
        return tier
    return {**tier, _NAME: [name, tier[_NAME]] if _NAME in tier else name}


def written(path: KeyPath, names: tuple[str, ...]) -> KeyPath:
    """Give the place in the file of something in the list of tiers."""
    if names and len(path) > 1 and path[0] == TIERS and isinstance(path[1], int):
        return (TIERS, names[path[1]], *path[2:])
    return path


def repeated(tiers: Iterable[TierSettings]) -> Iterator[tuple[KeyPath, str, str]]:
    """Tell names that are there twice: the path, a message and a hint."""
    seen: set[str] = set()
    for position, tier in enumerate(tiers):
        if tier.name in seen:
            yield (TIERS, position, _NAME), f"the tier {tier.name} is there twice", "choose another name"
        seen.add(tier.name)
