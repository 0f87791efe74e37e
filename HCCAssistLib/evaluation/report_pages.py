"""What a report collects and writes: report.html, report.json at full precision, figures as SVG and PNG."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.checklist import Item, missing_items
from HCCAssistLib.evaluation.explorer import Scale
from HCCAssistLib.evaluation.report_blocks import (
    JPEG,
    PNG,
    Block,
    CasePages,
    CaseRow,
    CaseTable,
    EstimateTable,
    Heading,
    KeyResults,
    Picture,
    Table,
    TestTable,
    Text,
    Warnings,
)
from HCCAssistLib.evaluation.report_methods import methods_paragraph
from HCCAssistLib.evaluation.report_page import RESEARCH_USE_ONLY, page
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest
from HCCAssistLib.files import atomic_file, parse_json, write_json
from HCCAssistLib.provenance import software_versions
from HCCAssistLib.results.cutoff import CutOff

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def file_stem(title: str, kind: str) -> str:
    """Name of a figure's files, from the title of its section and what it shows."""
    return re.sub(r"[^a-z0-9]+", "-", f"{title} {kind}".lower()).strip("-")


def case_stem(kind: str, case_id: str) -> str:
    """Name of a case's figure; what cannot stand in a file's name is written as its code, so that no two are one."""
    return f"{kind}-of-" + "".join(c if c.isascii() and (c.isalnum() or c == "-") else f"_{ord(c):x}" for c in case_id)


def prefixed(group: str, estimate: Estimate) -> Estimate:
    """The estimate with the group that it belongs to in its name."""
    return replace(estimate, name=f"{group}: {estimate.name}") if group else estimate


class Pages:
    """Texts, tables and figures in the order in which they are read.

    Args:
        title: of the report.
        subtitle: which model on which cohort.
        provenance: what the report rests on, by name (digests, model, cut-off, seed); no patient names, dates or paths.
        covered: keys of ``checklist.ITEMS`` that the texts cover; a section adds the keys that it covers itself, and
            the report lists the others as missing.
    """

    def __init__(
        self,
        title: str,
        *,
        subtitle: str = "",
        provenance: Mapping[str, str] | None = None,
        covered: Iterable[str] = (),
    ) -> None:
        self.title = title
        self.subtitle = subtitle
        self.provenance = dict(provenance or {}) | software_versions()
        self._covered = {"software", *covered}
        missing_items(self._covered)
        self.blocks: list[Block] = []
        self._in_section = False
        self._methods: list[str] = []
        self._files: dict[str, bytes] = {}
        self._case_pages = CasePages()

    def cover(self, *keys: str) -> None:
        """Say that the report covers these items of ``checklist.ITEMS``."""
        missing_items(keys)
        self._covered.update(keys)

    @property
    def missing(self) -> tuple[Item, ...] | None:
        """Items of the reporting guidelines that the report does not cover; None where they do not apply."""
        return missing_items(self._covered)

    def add_heading(self, text: str) -> None:
        """Begin a section; inside ``section``, a part of it."""
        self.blocks.append(Heading(text, is_part=self._in_section))

    @contextmanager
    def section(self, title: str) -> Iterator[None]:
        """Begin a section of which all that is added meanwhile is a part; the contents list the section alone.

        >>> pages = Pages("A report")
        >>> with pages.section("Each model"):
        ...     pages.add_heading("The first model")
        >>> [(one.text, one.is_part) for one in pages.blocks]
        [('Each model', False), ('The first model', True)]

        Args:
            title: of the section.
        """
        self.add_heading(title)
        before, self._in_section = self._in_section, True
        try:
            yield
        finally:
            self._in_section = before

    def add_text(self, text: str) -> None:
        """Add a paragraph."""
        self.blocks.append(Text(text))

    def add_methods(self, text: str) -> None:
        """Add a paragraph to the methods, before the one on statistics: how the method itself works."""
        self._methods.append(text)

    def add_key_results(self, columns: Sequence[str], rows: Iterable[tuple[str, Sequence[Estimate | None]]]) -> None:
        """Add the answers that a reader looks for first.

        Args:
            columns: names of the cohorts.
            rows: each question with its estimate in every cohort.

        Raises:
            InputError: a row with another number of estimates than there are cohorts.
        """
        found = tuple((question, tuple(estimates)) for question, estimates in rows)
        if any(len(estimates) != len(columns) for _, estimates in found):
            raise InputError(f"a row does not have {len(columns)} estimates", "key results")
        self.blocks.append(KeyResults(tuple(columns), found))

    def add_case_table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Iterable[CaseRow],
        *,
        note: str = "",
        data: Mapping[str, Any] | None = None,
        scales: Sequence[Scale] = (),
        follows: Sequence[str] = (),
    ) -> None:
        """Add a table with one row per case, each with a thumbnail and the way to the figure that shows it.

        Args:
            title: of the table.
            columns: headings.
            rows: of the cases; the first cell is the id of the case.
            note: under the table.
            data: the numbers at full precision, for report.json.
            scales: scores whose threshold a reader can move, with the steps of these rows.
            follows: the columns that follow the threshold, in the order of ``Scale.columns``.

        Raises:
            InputError: a row with another number of cells than there are columns, or rows without their steps.
        """
        cases = tuple(rows)
        if any(len(row.cells) != len(columns) for row in cases):
            raise InputError(f"a row does not have {len(columns)} cells", f"table {title!r}")
        if any(len(scale.rows) != len(cases) or len(scale.columns) != len(follows) for scale in scales):
            raise InputError("the steps of a threshold are not those of the rows", f"table {title!r}")
        places = tuple(columns.index(name) for name in follows)
        self.blocks.append(CaseTable(title, tuple(columns), cases, note, data, tuple(scales), places))

    def link_cases(self, pages: CasePages) -> None:
        """Say where the page with the images of each case lies."""
        self._case_pages = pages

    def attach_csv(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Write a table that Excel opens beside the report; None becomes an empty cell.

        Raises:
            InputError: a name that cannot be a file's.
        """
        if not re.fullmatch(r"[A-Za-z0-9_-]+\.csv", name):
            raise InputError(f"{name!r} cannot be the name of a table", "report")
        text = io.StringIO(newline="")
        csv.writer(text).writerows([columns, *rows])
        self._files[name] = text.getvalue().encode("utf-8-sig")

    def add_warnings(self, problems: Iterable[Problem]) -> None:
        """Add what a reader must know; nothing is added where there is nothing."""
        found = tuple(dict.fromkeys(problems))
        if found:
            self.blocks.append(Warnings(found))

    def add_estimates(self, title: str, estimates: Iterable[Estimate], *, digits: int = 3) -> None:
        """Add a table of figures; proportions are printed as percentages with one decimal, others with ``digits``."""
        self.blocks.append(EstimateTable(title, tuple(estimates), digits))

    def add_tests(self, title: str, tests: Iterable[tuple[str, HypothesisTest]]) -> None:
        """Add a table of tests, each with what it compares."""
        self.blocks.append(TestTable(title, tuple(tests)))

    def add_table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[str]],
        *,
        note: str = "",
        tests: Iterable[HypothesisTest] = (),
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Add any other table; numbers come as text, rounded by ``display``.

        Args:
            title: of the table.
            columns: headings.
            rows: cells.
            note: under the table.
            tests: those whose P values the cells show, for the methods paragraph and report.json.
            data: the numbers at full precision, for report.json.

        Raises:
            InputError: a row with another number of cells than there are columns.
        """
        cells = tuple(tuple(str(cell) for cell in row) for row in rows)
        if any(len(row) != len(columns) for row in cells):
            raise InputError(f"a row does not have {len(columns)} cells", f"table {title!r}")
        self.blocks.append(Table(title, tuple(columns), cells, note, tuple(tests), data))

    def add_figure(
        self,
        name: str,
        figure: Figure,
        caption: str,
        *,
        n: int,
        unit: str,
        estimates: Iterable[Estimate] = (),
        cutoff: CutOff | None = None,
        data: Mapping[str, Any] | None = None,
        wide: bool = False,
    ) -> None:
        """Add a drawing of ``figures``.

        Args:
            name: of its files: letters, digits, ``-`` and ``_``.
            figure: the drawing.
            caption: what it shows.
            n: how many units it rests on.
            unit: what was counted.
            estimates: the figures it shows.
            cutoff: where it shows a point at a cut-off.
            data: the points drawn, for report.json.
            wide: give it the whole width of the page.

        Raises:
            InputError: a name that cannot be a file's, or one that is taken.
        """
        from HCCAssistLib.evaluation.figures import as_png, as_svg

        svg, png = as_svg(figure), as_png(figure)
        self._add_picture(Picture(name, caption, n, unit, tuple(estimates), cutoff, svg, png, data, wide))

    def add_image(
        self,
        name: str,
        image: bytes,
        caption: str,
        *,
        n: int = 1,
        unit: str = "volume",
        cutoff: CutOff | None = None,
        wide: bool = False,
    ) -> None:
        """Add a finished PNG or JPEG (a case with its overlay).

        Raises:
            InputError: a name that cannot be a file's, or one that is taken, or bytes of another kind.
        """
        if not image.startswith((PNG, JPEG)):
            raise InputError("the image is not a PNG or a JPEG", f"figure {name!r}")
        self._add_picture(Picture(name, caption, n, unit, (), cutoff, None, image, None, wide))

    def _add_picture(self, picture: Picture) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", picture.name):
            raise InputError(f"{picture.name!r} cannot be the name of a file", "figure")
        if any(isinstance(block, Picture) and block.name == picture.name for block in self.blocks):
            raise InputError(f"two figures are called {picture.name!r}", "figure")
        self.blocks.append(picture)

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods: what was told of the method, then exactly the intervals and tests that the figures used."""
        return (*self._methods, methods_paragraph(self.blocks))

    def as_json(self) -> dict[str, Any]:
        """The content of report.json, at full precision."""
        return {
            "format": "hccassist-report/2",
            "research_use_only": True,
            "notice": RESEARCH_USE_ONLY,
            "title": self.title,
            "subtitle": self.subtitle,
            "blocks": [block.as_json() for block in self.blocks],
            "methods": "\n\n".join(self.methods),
            "missing_items": [
                {"key": i.key, "name": i.name, "TRIPOD+AI": i.tripod_ai, "CLAIM 2024": i.claim_text}
                for i in self.missing or ()
            ],
            "provenance": self.provenance,
            "tables": list(self._files),
            "files": list(self._contents()),
        }

    def _contents(self) -> dict[str, bytes]:
        """Content of each file beside the page and report.json, by its path within the report's folder."""
        pictures = (block.contents for block in self.blocks if isinstance(block, Picture))
        return {name: content for files in (*pictures, self._files) for name, content in files.items()}

    def write(self, folder: Path) -> Path:
        """Write report.json, report.html, ``figures/`` and the tables into a folder; each file is whole or not there.

        The page comes last: where it is, everything else is. Then figures and tables go that an earlier report wrote
        there and this one does not have: they are of another model or of other cases. Other files of the folder stay.

        Returns:
            The path of report.html.

        Raises:
            HCCAssistError: Jinja2 is not installed.
        """
        html = page(
            self.title,
            self.subtitle,
            self.blocks,
            methods=self.methods,
            missing=self.missing,
            provenance=self.provenance.items(),
            cases=self._case_pages,
            has_files=True,
        )
        contents, before = self._contents(), _written(folder)
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            with atomic_file(folder / name) as part:
                part.write_bytes(content)
        write_json(folder / "report.json", self.as_json())
        with atomic_file(folder / "report.html") as part:
            part.write_text(html, encoding="utf-8")
        for name in before - set(contents):
            (folder / name).unlink(missing_ok=True)
        return folder / "report.html"


def _written(folder: Path) -> set[str]:
    """The files that the report of a folder says it wrote; whatever stands there, none leads out of the folder."""
    names: Any = None
    with suppress(OSError, ValueError, AttributeError):
        names = parse_json((folder / "report.json").read_bytes()).get("files")
    texts = (name for name in names if isinstance(name, str)) if isinstance(names, list) else ()
    return {name for name in texts if re.fullmatch(r"(figures/)?[^/\\:]+\.(svg|png|jpg|csv)", name)}
