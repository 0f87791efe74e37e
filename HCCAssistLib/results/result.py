"""What results of every kind have in common."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Literal, Protocol

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.results.review import Review, Verdict
from HCCAssistLib.results.run_record import RunRecord

Kind = Literal["detection", "classification", "risk"]

FORMAT = "hccassist-result/2"
OLDER_FORMATS = ("hccassist-result/1",)


class Reviewable(Protocol):
    """A finding that a reader judges: a candidate of a detection, a finding of a classification."""

    @property
    def number(self) -> int:
        """1 and up; stays the same under any threshold."""

    @property
    def review(self) -> Review:
        """What a reader said of it."""


class Result(Protocol):
    """What a method found in one case."""

    @property
    def kind(self) -> Kind:
        """Which kind it is."""

    @property
    def run(self) -> RunRecord:
        """How it came about."""

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What a reader must know before trusting it."""

    @property
    def geometry(self) -> Geometry:
        """Grid of the volume that was looked at; of the first of several."""

    @property
    def heatmaps(self) -> Mapping[str, Image]:
        """Grad-CAM in patient space (0 to 1, cropped) by the volume that it explains."""

    @property
    def findings(self) -> tuple[Reviewable, ...]:
        """What a reader judges one by one, whatever its score; none in a risk."""

    def reviewed(self, number: int, review: Review) -> Result:
        """A new result in which one finding carries a review.

        Raises:
            KeyError: no finding has that number.
        """

    def as_json(self) -> dict[str, Any]:
        """The content of result.json."""


def findings_reviewed(result: Result) -> tuple[Reviewable, ...]:
    """The findings that carry a verdict or a comment."""
    return tuple(f for f in result.findings if f.review.verdict is not Verdict.PENDING or f.review.comment)


def heading(result: Result) -> dict[str, Any]:
    """What result.json begins with, whatever the kind."""
    return {
        "format": FORMAT,
        "kind": result.kind,
        "research_use_only": True,
        "run": result.run.as_json(),
        "warnings": [{"what": w.what, "where": w.where, "remedy": w.remedy} for w in result.warnings],
        "heatmaps": list(result.heatmaps),
    }


@contextmanager
def reading(data: Mapping[str, Any], kind: Kind) -> Iterator[None]:
    """Read a result of one kind; whatever is wrong with its content is reported in one sentence.

    Raises:
        InputError: another kind, another format, or a fault in the block.
    """
    check_format(data)
    if data.get("kind") != kind:
        raise InputError(f"this is a {data.get('kind')!r} result, not a {kind}", "result.json")
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise InputError(f"the result is damaged: {error}", "result.json") from error


def check_format(data: Any) -> None:
    """Refuse what is no result of the format that is read here.

    Raises:
        InputError: what it is instead, and what to do.
    """
    found = data.get("format") if isinstance(data, dict) else None
    if found in OLDER_FORMATS:
        what = f"the result is of an older format ({found}) that is not read any more"
        raise InputError(what, "result.json", "run the model on the case again")
    if found != FORMAT:
        raise InputError(f"not a result of a known format: {found!r}", "result.json", "update HCCAssist, or run again")


def warnings_from(data: Mapping[str, Any]) -> tuple[Problem, ...]:
    """The warnings of a result.json.

    Raises:
        ValueError: one that is no text.
    """
    texts = [(w["what"], w["where"], w["remedy"]) for w in data["warnings"]]
    if not all(isinstance(text, str) for three in texts for text in three):
        raise ValueError("a warning is made of texts")
    return tuple(Problem("WARN", *three) for three in texts)


def volume_parts(data: Mapping[str, Any], heatmaps: Mapping[str, Image] | None) -> dict[str, Any]:
    """What a result of several volumes holds of any kind, as arguments: grids, run, warnings and heat maps.

    Raises:
        KeyError, TypeError, ValueError: damaged; see ``reading``.
    """
    return {
        "volumes": {name: Geometry.from_json(grid) for name, grid in data["volumes"].items()},
        "run": RunRecord.from_json(data["run"]),
        "warnings": warnings_from(data),
        "heatmaps": heatmaps or {},
    }


def check_counts(*numbers: int, what: str) -> None:
    """Refuse what is no whole number from 0 on.

    Raises:
        ValueError: which one, and of what.
    """
    for number in numbers:
        if type(number) is not int or number < 0:
            raise ValueError(f"{what}: {number!r} is not a whole number from 0 on")


def check_place(point: Sequence[float], what: str) -> None:
    """Refuse what is no place in the patient.

    Raises:
        ValueError: not three finite coordinates.
    """
    if len(point) != 3 or not all(math.isfinite(value) for value in point):
        raise ValueError(f"{what}: a place has three finite coordinates, not {point}")


def probabilities_of(given: Mapping[str, float], names: Iterable[str] | None = None) -> Mapping[str, float]:
    """Probabilities by name, read-only, each of them between 0 and 1.

    Args:
        given: the probabilities.
        names: those that must be there, which then make up 1 in their sum and give the order.

    Raises:
        ValueError: anything else.
    """
    numbers = {str(name): float(value) for name, value in given.items()}
    for name, value in numbers.items():
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"the probability of {name} lies between 0 and 1, not at {value}")
    if names is None:
        return MappingProxyType(numbers)
    order = tuple(names)
    if set(order) != set(numbers):
        raise ValueError(f"there must be a probability of each of {', '.join(order)}, not of {', '.join(numbers)}")
    if not math.isclose(sum(numbers.values()), 1.0, abs_tol=1e-4):
        raise ValueError(f"the probabilities of {', '.join(order)} make up {sum(numbers.values()):.6g} and not 1")
    return MappingProxyType({name: numbers[name] for name in order})


def only_volumes(heatmaps: Mapping[str, Image], volumes: Iterable[str]) -> Mapping[str, Image]:
    """Heat maps, read-only.

    Raises:
        ValueError: one of a volume that was not looked at.
    """
    unknown = set(heatmaps) - set(volumes)
    if unknown:
        raise ValueError(f"a heat map of {', '.join(sorted(unknown))}, which was not looked at")
    return MappingProxyType(dict(heatmaps))
