"""A report that a journal's reviewer can read: report.html, report.json at full precision, figures as SVG and PNG."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.binary import BinaryEvaluation
from HCCAssistLib.evaluation.checklist import missing_items
from HCCAssistLib.evaluation.report_blocks import (
    Block,
    EstimateTable,
    Heading,
    Picture,
    Table,
    TestTable,
    Text,
    Warnings,
)
from HCCAssistLib.evaluation.report_html import RESEARCH_USE_ONLY, page
from HCCAssistLib.evaluation.report_methods import methods_paragraph
from HCCAssistLib.evaluation.result import CutOff, Estimate, HypothesisTest
from HCCAssistLib.files import write_json, written_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Report:
    """Collects what was found, in the order in which it is read, and writes it.

    Args:
        title: of the report.
        subtitle: which model on which cohort.
        provenance: what the report rests on, by name (digests, model, cut-off, seed); no patient names, dates or paths.
        covered: keys of ``checklist.ITEMS`` that the report covers; the others are listed as missing.
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
        self.missing = missing_items(covered)
        self.blocks: list[Block] = []

    def add_heading(self, text: str) -> None:
        """Begin a section."""
        self.blocks.append(Heading(text))

    def add_text(self, text: str) -> None:
        """Add a paragraph."""
        self.blocks.append(Text(text))

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

    def add_table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, note: str = "") -> None:
        """Add any other table; numbers come as text, rounded by ``display``.

        Raises:
            InputError: a row with another number of cells than there are columns.
        """
        cells = tuple(tuple(str(cell) for cell in row) for row in rows)
        if any(len(row) != len(columns) for row in cells):
            raise InputError(f"a row does not have {len(columns)} cells", f"table {title!r}")
        self.blocks.append(Table(title, tuple(columns), cells, note))

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

    def add_image(self, name: str, png: bytes, caption: str, *, n: int = 1, unit: str = "volume") -> None:
        """Add a finished PNG (an example case with its overlay).

        Raises:
            InputError: a name that cannot be a file's, or one that is taken, or bytes that are no PNG.
        """
        if not png.startswith(b"\x89PNG\r\n\x1a\n"):
            raise InputError("the image is not a PNG", f"figure {name!r}")
        self._add_picture(Picture(name, caption, n, unit, (), None, None, png, None, False))

    def _add_picture(self, picture: Picture) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", picture.name):
            raise InputError(f"{picture.name!r} cannot be the name of a file", "figure")
        if any(isinstance(block, Picture) and block.name == picture.name for block in self.blocks):
            raise InputError(f"two figures are called {picture.name!r}", "figure")
        self.blocks.append(picture)

    def add_binary_evaluation(self, level: str, result: BinaryEvaluation) -> None:
        """Add everything of a ``binary_evaluation``: warnings, table, confusion matrix, ROC and precision-recall.

        Args:
            level: names the section and the files ("Patch level").
            result: the evaluation.
        """
        from HCCAssistLib.evaluation import figures
        from HCCAssistLib.evaluation.confusion import ConfusionMatrix

        self.add_heading(level)
        self.add_warnings(result.problems)
        self.add_estimates(f"{level}: diagnostic performance", result.estimates.values())
        stem = re.sub(r"[^a-z0-9]+", "-", level.lower()).strip("-")
        counts, estimates, n, unit = result.confusion, result.estimates, result.n, result.unit
        sensitivity, specificity, ppv = (counts.metric(m) for m in ("sensitivity", "specificity", "PPV"))
        if result.roc and result.precision_recall and sensitivity is not None and specificity is not None:
            drawing = figures.roc_figure(
                [("", result.roc, estimates["AUC"])], operating_point=(specificity, sensitivity)
            )
            self.add_figure(
                f"{stem}-roc",
                drawing,
                f"{level}: receiver operating characteristic curve",
                n=n,
                unit=unit,
                estimates=[estimates["AUC"]],
                cutoff=result.cutoff,
                data=result.roc.as_json(),
            )
            drawing = figures.precision_recall_figure(
                [("", result.precision_recall, estimates["AP"])],
                operating_point=None if ppv is None else (sensitivity, ppv),
            )
            self.add_figure(
                f"{stem}-precision-recall",
                drawing,
                f"{level}: precision-recall curve; dotted line, precision of a score that knows nothing",
                n=n,
                unit=unit,
                estimates=[estimates["AP"]],
                cutoff=result.cutoff,
                data=result.precision_recall.as_json(),
            )
        matrix = ConfusionMatrix(("positive", "negative"), ((counts.tp, counts.fn), (counts.fp, counts.tn)))
        self.add_figure(
            f"{stem}-confusion",
            figures.confusion_figure(matrix),
            f"{level}: confusion matrix; percentages are shares of the row",
            n=n,
            unit=unit,
            cutoff=result.cutoff,
            data=counts.as_json(),
        )

    @property
    def methods(self) -> str:
        """The methods paragraph: exactly the intervals and tests that the report's figures used."""
        return methods_paragraph(self.blocks)

    def as_json(self) -> dict[str, Any]:
        """The content of report.json, at full precision."""
        return {
            "format": "hccassist-report/1",
            "research_use_only": True,
            "notice": RESEARCH_USE_ONLY,
            "title": self.title,
            "subtitle": self.subtitle,
            "blocks": [block.as_json() for block in self.blocks],
            "methods": self.methods,
            "missing_items": [
                {"key": i.key, "name": i.name, "TRIPOD+AI": i.tripod_ai, "CLAIM": i.claim} for i in self.missing
            ],
            "provenance": self.provenance,
        }

    def write(self, folder: Path) -> Path:
        """Write report.json, report.html and ``figures/`` into a folder; each file is whole or not there.

        Other files of the folder stay. The page comes last: where it is, everything else is.

        Returns:
            The path of report.html.
        """
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        for block in self.blocks:
            if isinstance(block, Picture):
                for name, content in ((f"{block.name}.svg", block.svg), (f"{block.name}.png", block.png)):
                    if content:
                        with written_whole(folder / "figures" / name) as part:
                            part.write_bytes(content)
        write_json(folder / "report.json", self.as_json())
        html = folder / "report.html"
        with written_whole(html) as part:
            part.write_text(
                page(
                    self.title,
                    self.subtitle,
                    self.blocks,
                    methods=self.methods,
                    missing=self.missing,
                    provenance=self.provenance,
                ),
                encoding="utf-8",
            )
        return html


def software_versions() -> dict[str, str]:
    """Versions of what computes the figures."""
    import HCCAssistLib

    versions = {"HCCAssistLib": HCCAssistLib.__version__, "Python": platform.python_version()}
    for package in ("numpy", "scipy", "scikit-learn", "statsmodels"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions
