"""The parts of a report, in the order in which it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from HCCAssistLib.errors import Problem
from HCCAssistLib.evaluation.explorer import Scale
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest
from HCCAssistLib.results.cutoff import CutOff, cutoff_value
from HCCAssistLib.wording import megabytes, plural

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
"""How files of these kinds begin."""


@dataclass(frozen=True, slots=True)
class Heading:
    """Begins a section, or a part of one."""

    text: str
    is_part: bool = False

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"kind": "heading", "text": self.text, "level": 2 if self.is_part else 1}


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"kind": "text", "text": self.text}


@dataclass(frozen=True, slots=True)
class Warnings:
    """What a reader must know before trusting the figures."""

    problems: tuple[Problem, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "kind": "warnings",
            "warnings": [{"what": p.what, "where": p.where, "remedy": p.remedy} for p in self.problems],
        }


@dataclass(frozen=True, slots=True)
class EstimateTable:
    """Figures with n, unit, interval, method and cut-off."""

    title: str
    estimates: tuple[Estimate, ...]
    digits: int

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        return {"kind": "estimates", "title": self.title, "estimates": [e.as_json() for e in self.estimates]}


@dataclass(frozen=True, slots=True)
class TestTable:
    """Significance tests."""

    __test__ = False  # not a test case, whatever its name looks like

    title: str
    tests: tuple[tuple[str, HypothesisTest], ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        return {
            "kind": "tests",
            "title": self.title,
            "tests": [{"comparison": what, **test.as_json()} for what, test in self.tests],
        }


@dataclass(frozen=True, slots=True)
class Table:
    """Any other table, as text, with the tests whose P values it shows and its numbers at full precision."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str
    tests: tuple[HypothesisTest, ...] = ()
    data: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "kind": "table",
            "title": self.title,
            "columns": list(self.columns),
            "rows": [list(row) for row in self.rows],
            "note": self.note,
            "tests": [test.as_json() for test in self.tests],
            "data": None if self.data is None else dict(self.data),
        }


@dataclass(frozen=True, slots=True)
class KeyResults:
    """The answers that a reader looks for first: a row per question, a column per cohort.

    Attributes:
        columns: names of the cohorts.
        rows: question and its estimate in each cohort; None where a cohort has none.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Estimate | None, ...]], ...]

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """All of them."""
        return tuple(one for _, found in self.rows for one in found if one is not None)

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        rows = [
            {"question": question, "estimates": [one.as_json() if one else None for one in found]}
            for question, found in self.rows
        ]
        return {"kind": "key results", "cohorts": list(self.columns), "rows": rows}


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case of a table of cases.

    Attributes:
        cells: as text; the first is the id of the case.
        thumbnail: PNG of what is to be seen, None where nothing is.
        picture: name of the figure that shows it at full size.
    """

    cells: tuple[str, ...]
    thumbnail: bytes | None = None
    picture: str = ""


@dataclass(frozen=True, slots=True)
class CaseTable:
    """Every case with its truth, its result, a thumbnail and the way to its picture.

    Attributes:
        title: of the table.
        columns: headings.
        rows: of the cases.
        note: under the table.
        data: the numbers at full precision, for report.json.
        scales: scores whose threshold a reader can move; the rows are theirs.
        follows: numbers of the columns that follow the threshold.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[CaseRow, ...]
    note: str
    data: Mapping[str, Any] | None = None
    scales: tuple[Scale, ...] = ()
    follows: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values; the pictures are named."""
        return {
            "kind": "table",
            "title": self.title,
            "columns": list(self.columns),
            "rows": [list(row.cells) for row in self.rows],
            "pictures": [row.picture for row in self.rows],
            "note": self.note,
            "tests": [],
            "data": None if self.data is None else dict(self.data),
            "thresholds": [scale.as_json() for scale in self.scales],
        }


@dataclass(frozen=True, slots=True)
class CasePages:
    """Pages with the images of the cases, beside a report.

    Attributes:
        paths: within the report's folder, by case id.
        size: of all of them, in bytes.
    """

    paths: Mapping[str, str] = field(default_factory=dict)
    size: int = 0

    @property
    def note(self) -> str:
        """What a reader must know of them; empty where there are none."""
        if not self.paths:
            return ""
        count = len(self.paths)
        return (
            f"A row, or its link images, leads to a page with all slices of the case: {count} {plural('file', count)} "
            f"beside this one, {megabytes(self.size)}."
        )


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing (SVG and PNG) or an image (PNG or JPEG) with its caption and the figures it shows.

    Without a unit it is of one patient, and nothing is counted.
    """

    name: str
    caption: str
    n: int
    unit: str
    estimates: tuple[Estimate, ...]
    cutoff: CutOff | None
    svg: bytes | None
    raster: bytes
    data: Mapping[str, Any] | None
    wide: bool

    @property
    def contents(self) -> dict[str, bytes]:
        """Content of each file by its path within the report's folder; the first is shown on the page."""
        kind = "png" if self.raster.startswith(PNG) else "jpg"
        of = {"svg": self.svg, kind: self.raster}
        return {f"figures/{self.name}.{suffix}": content for suffix, content in of.items() if content}

    @property
    def legend(self) -> str:
        """The caption with n, unit, intervals and cut-off spelled out."""
        clusters = {e.clusters for e in self.estimates if e.clusters}
        of_patients = f" of {clusters.pop()} patients" if len(clusters) == 1 and self.unit != "patient" else ""
        parts = [f"{self.caption.rstrip('.')}."]
        if self.unit:
            parts.append(f"n = {self.n} {plural(self.unit, self.n)}{of_patients}.")
        shown = [e.clustered or e.interval for e in self.estimates]
        methods = list(dict.fromkeys(i.method for i in shown if i.low is not None))
        if methods:
            level = f"{100 * shown[0].level:g} %"
            parts.append(f"Intervals ({level}): {'; '.join(methods)}.")
        if self.svg and not self.estimates:
            parts.append("No intervals are shown.")
        lacking: dict[str, list[str]] = {}
        for estimate, interval in zip(self.estimates, shown, strict=True):
            if interval.low is None:
                lacking.setdefault(interval.reason, []).append(estimate.name)
        for reason, names in lacking.items():
            which = "" if len(names) == len(shown) else f" for {'; '.join(names)}"
            parts.append(f"No interval{which}: {reason}.")
        if self.cutoff:
            parts.append(f"Cut-off \N{GREATER-THAN OR EQUAL TO} {cutoff_value(self.cutoff)}: {self.cutoff.source}.")
        return " ".join(dict.fromkeys(parts))

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision; the pictures lie in ``files``."""
        return {
            "kind": "figure",
            "name": self.name,
            "caption": self.caption,
            "legend": self.legend,
            "n": self.n,
            "unit": self.unit,
            "estimates": [estimate.as_json() for estimate in self.estimates],
            "cutoff": self.cutoff.as_json() if self.cutoff else None,
            "files": list(self.contents),
            "data": None if self.data is None else dict(self.data),
        }


Block = Heading | Text | Warnings | KeyResults | EstimateTable | TestTable | Table | CaseTable | Picture
