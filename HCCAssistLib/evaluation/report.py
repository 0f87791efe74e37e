"""A report that a journal's reviewer can read: each result of this package becomes a section with one call."""

from __future__ import annotations

from collections.abc import Sequence

from HCCAssistLib.errors import Problem
from HCCAssistLib.evaluation import figures
from HCCAssistLib.evaluation.baseline_table import BaselineTable
from HCCAssistLib.evaluation.comparison import ModelComparison, SessionComparison
from HCCAssistLib.evaluation.discrimination import RocCurve
from HCCAssistLib.evaluation.display import NOT_GIVEN
from HCCAssistLib.evaluation.flow import Flow
from HCCAssistLib.evaluation.flow_figure import flow_figure
from HCCAssistLib.evaluation.report_diagnosis import DiagnosisSections
from HCCAssistLib.evaluation.report_pages import file_stem, prefixed
from HCCAssistLib.evaluation.report_risk import RiskSections
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.evaluation.sessions import SessionSpread
from HCCAssistLib.wording import plural, rounded


class Report(DiagnosisSections, RiskSections):
    """Collects what was found, section by section, and writes it.

    Every section keeps n, unit, interval method and the source of the cut-off beside its figures.
    """

    def add_flow(self, flow: Flow, *, title: str = "") -> None:
        """Add the flow of patients with the reasons of every exclusion.

        Args:
            flow: of one cohort.
            title: names the files, where there are several cohorts.
        """
        self.cover("flow")
        self.add_figure(
            file_stem(title, f"{flow.unit} flow"),
            flow_figure(flow),
            f"{title}: flow of {plural(flow.unit, 2)}" if title else f"Flow of {plural(flow.unit, 2)} and exclusions",
            n=flow.stages[0].n,
            unit=flow.unit,
            data=flow.as_json(),
            wide=True,
        )

    def add_cohort(self, title: str, table: BaselineTable) -> None:
        """Add the table of characteristics by group, with the test of each row."""
        self.cover("characteristics")
        tests = [row.test for row in table.rows if row.test]
        self.add_table(title, table.columns, table.printed, note=table.note, tests=tests, data=table.as_json())

    def add_comparison(
        self,
        title: str,
        comparison: ModelComparison,
        *,
        names: tuple[str, str],
        curves: Sequence[tuple[str, RocCurve, Estimate]] = (),
    ) -> None:
        """Add two models on the same rows: differences with intervals, paired DeLong and McNemar tests.

        Args:
            title: names the section and the files.
            comparison: of ``compare_models``; differences are the first model minus the second.
            names: of the two models.
            curves: name, ROC curve and AUC of each, to be drawn together.
        """
        self.add_heading(title)
        first = comparison.differences[0]
        if first.clusters and first.clusters < first.n:
            units = plural(first.unit, 2)
            what = f"the tests take {units} of one patient as independent; the intervals resample whole patients"
            self.add_warnings([Problem("WARN", what, title, "trust the intervals of the differences")])
        self.add_estimates(f"{title}: {names[0]} minus {names[1]}", comparison.differences)
        self.add_tests(
            f"{title}: tests", [("AUC", comparison.delong), ("right and wrong decisions", comparison.mcnemar)]
        )
        if curves:
            self.add_figure(
                file_stem(title, "roc"),
                figures.roc_figure(curves),
                f"{title}: receiver operating characteristic curves; no cut-off is shown",
                n=first.n,
                unit=first.unit,
                estimates=[prefixed(name, area) for name, _, area in curves],
                data={name: curve.as_json() for name, curve, _ in curves},
            )

    def add_session_spreads(self, title: str, spreads: Sequence[SessionSpread], *, session: str = "session") -> None:
        """Add the figures of one model's sessions: median, range and each session.

        Args:
            title: of the table.
            spreads: one per figure, all of the same sessions.
            session: what a value is.
        """
        count = len(spreads[0].values)
        columns = ("Measure", "Median", "Range", *(f"{session[:1].upper()}{session[1:]} {n + 1}" for n in range(count)))
        rows = [
            (
                one.name,
                *(_number(one.median), " to ".join(map(_number, one.range)) if one.range else NOT_GIVEN),
                *map(_number, one.values),
            )
            for one in spreads
        ]
        note = (
            f"The range is the lowest and the highest of {count} {plural(session, count)}, not a confidence interval."
        )
        data = {"spreads": [one.as_json() for one in spreads]}
        self.add_table(title, columns, rows, note=note, data=data)

    def add_sessions(self, title: str, comparison: SessionComparison, *, measure: str) -> None:
        """Add repeated sessions or folds of several models: median, range, Kruskal-Wallis and Steel's test.

        Args:
            title: of the section.
            comparison: of ``compare_sessions``.
            measure: what a session gave ("AUC").
        """
        self.add_heading(title)
        unit = comparison.kruskal_wallis.unit
        units = plural(unit, 2)
        rows = [
            (
                name + (" (control)" if name == comparison.control else ""),
                f"{comparison.sessions[name]} {plural(unit, comparison.sessions[name])}",
                rounded(median, 3),
                " to ".join(rounded(limit, 3) for limit in comparison.range[name]),
            )
            for name, median in comparison.median.items()
        ]
        note = (
            f"The range is the lowest and the highest {unit}, not a confidence interval. The tests take {units} as "
            f"independent; {units} on the same patients say nothing about other patients."
        )
        columns = ("Model", "n", f"{measure}, median", "Range")
        self.add_table(f"{title}: {measure} of each model", columns, rows, note=note, data=comparison.as_json())
        tests = [("all models", comparison.kruskal_wallis)]
        tests += [(f"{name} v {comparison.control}", test) for name, test in comparison.steel.items()]
        self.add_tests(f"{title}: tests", tests)


def _number(value: float | None) -> str:
    return NOT_GIVEN if value is None else rounded(value, 3)
