"""The sections `tiers` and `overrides` of audit.yaml.

Tiers may be a list, or a mapping by name; both keep the order of the file.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from scanner.model.decisions import Match, Tier
from scanner.yamlfile import Path as KeyPath

TIERS: Final = "tiers"
_NAME: Final = "name"

# Patterns of accounts and Regions: as AWS writes them, or with a wildcard.
_Account = Annotated[str, StringConstraints(pattern=r"^([0-9]{12}|[0-9]{0,12}\*[0-9*]{0,12})$")]

_Region = Annotated[
    str, StringConstraints(pattern=r"^([a-z]{2,}(-[a-z]+)+-[0-9]{1,2}|aws-global|[a-z0-9-]*\*[a-z0-9*-]*)$")
]
# "Tag naming limits and requirements" (AWS General Reference). A value may be empty; nothing is truncated.
TagKey = Annotated[str, StringConstraints(min_length=1, max_length=128)]
TagValue = Annotated[str, StringConstraints(max_length=256)]
# No spaces: findings have "not known" where the tier could not be determined.
_TierName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Values = Mapping[str, Mapping[str, Any]]


class Section(BaseModel):
    """A mapping of audit.yaml. Unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _listed(value: object) -> object:
    """Turn a single text into a list of one. A tuple, since strict validation of JSON is over here."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


OneOrMore = (BeforeValidator(_listed), Field(min_length=1))
"""Validators of a list that is not empty, and that may be written as its only member."""
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Texts = Annotated[tuple[Text, ...], *OneOrMore]
UnitText = Annotated[str, StringConstraints(pattern=r"^(ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}|r-[0-9a-z]{4,32})$")]


class MatchSettings(Section):
    """The criteria of a tier or an override; all of them apply."""

    tags: Annotated[
        Mapping[TagKey, Annotated[tuple[TagValue, ...], *OneOrMore]] | None, Field(min_length=1)
    ] = None
    types: Texts | None = None
    accounts: Annotated[tuple[_Account, ...], *OneOrMore] | None = None
    organizational_units: Annotated[tuple[UnitText, ...], *OneOrMore] | None = None
    regions: Annotated[tuple[_Region, ...], *OneOrMore] | None = None
    subjects: Texts | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        """Refuse criteria that match everything: a wrong indentation is enough to write that."""
        # An empty `match` is what a wrong indentation leaves, and would apply to every resource.
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise PydanticCustomError("empty_match", "must have at least one criterion")
        return self

    def match(self) -> Match:
        """Return the criteria for the model."""
        return Match(
            tags=tuple((self.tags or {}).items()),
            types=self.types or (),
            accounts=self.accounts or (),
            organizational_units=self.organizational_units or (),
            regions=self.regions or (),
            subjects=self.subjects or (),
        )


class TierSettings(Section):
    """A tier: a name, criteria, and parameters of controls."""

    name: _TierName
    match: MatchSettings
    parameters: Values = Field(default_factory=dict)

    def tier(self, parameters: Values) -> Tier:
        """Return the tier for the model. `parameters`: by current ids of controls."""
        return Tier(self.name, self.match.match(), parameters)


class OverrideSettings(Section):
    """Parameters of controls for what matches, whatever its tier."""

    match: MatchSettings
    parameters: Annotated[Values, Field(min_length=1)]

    def tier(self, parameters: Values) -> Tier:
        """Return the override for the model: a tier without a name."""
        return Tier("", self.match.match(), parameters)


def listed(document: Any) -> tuple[Any, tuple[str, ...]]:  # noqa: ANN401 -- any content of the file
    """Return the document with tiers as a list, and their names if they are a mapping by name."""
    tiers = document.get(TIERS) if isinstance(document, dict) else None
    # Other shapes are left to the validation, which explains what is wrong.
    if not isinstance(tiers, dict):
        return document, ()
    return {**document, TIERS: [_named(name, tier) for name, tier in tiers.items()]}, tuple(tiers)


def _named(name: str, tier: Any) -> Any:  # noqa: ANN401 -- as above
    """Add the name to a tier. One that also has a name inside gets a list of both, which is no valid name."""
    if not isinstance(tier, dict):
        return tier
    # Which of two names counts would be a guess.
    return {**tier, _NAME: [name, tier[_NAME]] if _NAME in tier else name}


def written(path: KeyPath, names: tuple[str, ...]) -> KeyPath:
    """Return the path as the file has it, for a path into the list of tiers."""
    if names and len(path) > 1 and path[0] == TIERS and isinstance(path[1], int):
        return (TIERS, names[path[1]], *path[2:])
    return path


def repeated(tiers: Iterable[TierSettings]) -> Iterator[tuple[KeyPath, str, str]]:
    """Yield the path, a message and a hint for each name that occurs twice."""
    seen: set[str] = set()
    for position, tier in enumerate(tiers):
        if tier.name in seen:
            yield (TIERS, position, _NAME), f"the tier {tier.name} occurs twice", "choose another name"
        seen.add(tier.name)
