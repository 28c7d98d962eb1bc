"""What a bundle is judged against: options count for more than audit.yaml."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from scanner.app.judgement import Judgement
from scanner.app.naming import Named
from scanner.app.tiers import NamedTiers
from scanner.errors import ConfigurationError, Mistake
from scanner.evaluate.controls.packs import names_of
from scanner.evaluate.controls.requirements import load_standards
from scanner.evaluate.controls.selection import Selection, select
from scanner.evaluate.controls.spec import check_parameters
from scanner.evaluate.decisions.waivers import EXPIRED, WaiverRule
from scanner.evaluate.problem import suggestion
from scanner.model.control import Control
from scanner.settings import Settings


@dataclass(frozen=True, slots=True)
class Criteria:
    """A judgement, and what the user should know about how it was put together."""

    judgement: Judgement
    notices: tuple[str, ...]


def criteria_of(settings: Settings, controls: Sequence[str] | None, as_of: datetime | None) -> Criteria:
    """Load the controls and check the settings against them. ConfigurationError carries every mistake."""
    words = tuple(controls or settings.controls or ("all",))
    selection = select(words)
    named = Named(settings, names_of(selection.known))
    known = {control.id: control for control in selection.known}
    tiers = NamedTiers(settings, named)
    if mistakes := (*named.mistakes(), *_mistakes(settings, named, known), *tiers.mistakes(known)):
        raise ConfigurationError(tuple(sorted(mistakes, key=lambda one: (one.file, one.line))))
    judgement = Judgement(
        controls=selection.controls,
        parameters=_parameters(named, selection),
        tiers=tiers.tiers(),
        waivers=tuple(
            WaiverRule(named.current(waiver.control), waiver.subject, waiver.waiver())
            for waiver in settings.waivers
        ),
        owners=settings.owner_ways(),
        count_inherited_backup=settings.parameters.count_inherited_backup,
        as_of=as_of,
        standards=load_standards(selection.known, _weights(settings), map(Path, words)),
    )
    return Criteria(judgement, tuple(dict.fromkeys((*selection.notices, *named.notices()))))


def _mistakes(settings: Settings, named: Named, known: Mapping[str, Control]) -> Iterator[Mistake]:
    """Hold parameters and waivers against the controls that there are, selected in this run or not."""
    if settings.waivers and (taken := known.get(EXPIRED)):
        message = f"the id {EXPIRED} is reserved for the control of expired waivers"
        yield Mistake(taken.file, taken.line, message, "choose another id")
    for problem in check_parameters(known.values(), named.parameters):
        path = ("parameters", "controls", *named.path(problem.path))
        yield settings.mistake(path, problem.message, problem.hint)
    for position, waiver in enumerate(settings.waivers):
        if waiver.control == EXPIRED:
            hint = "give the expired waiver a later date, or remove it"
            yield settings.mistake(("waivers", position, "control"), f"{EXPIRED} cannot be waived", hint)
        elif named.current(waiver.control) not in known:
            message = f"there is no control {waiver.control!r}"
            hint = suggestion(waiver.control, known)
            yield settings.mistake(("waivers", position, "control"), message, hint)


def _parameters(named: Named, selection: Selection) -> dict[str, dict[str, object]]:
    """Put the parameters together: those of packs, and over them those of audit.yaml."""
    merged = {
        control.id: {**selection.parameters.get(control.id, {}), **named.parameters.get(control.id, {})}
        for control in selection.controls
    }
    return {control: values for control, values in merged.items() if values}


def _weights(settings: Settings) -> dict[str, float]:
    return {str(severity): weight for severity, weight in settings.score.weights.items()}
