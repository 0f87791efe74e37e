"""A report that a journal's reviewer can read: each result of this package becomes a section with one call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from HCCAssistLib.errors import Problem
from HCCAssistLib.evaluation import figures
from HCCAssistLib.evaluation.baseline_table import BaselineTable
from HCCAssistLib.evaluation.binary import BinaryEvaluation
from HCCAssistLib.evaluation.calibration import Calibration
from HCCAssistLib.evaluation.comparison import ModelComparison, SessionComparison
from HCCAssistLib.evaluation.confusion import ConfusionMatrix, no_information_rate_test
from HCCAssistLib.evaluation.cox import HazardRatio
from HCCAssistLib.evaluation.decision import DecisionCurve
from HCCAssistLib.evaluation.discrimination import RocCurve
from HCCAssistLib.evaluation.display import p_equation
from HCCAssistLib.evaluation.example_cases import Example
from HCCAssistLib.evaluation.flow import Flow
from HCCAssistLib.evaluation.flow_figure import flow_figure
from HCCAssistLib.evaluation.froc import FrocCurve
from HCCAssistLib.evaluation.report_pages import Pages
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest
from HCCAssistLib.evaluation.slice_view import SliceView, slice_figure
from HCCAssistLib.evaluation.survival import LOG_LOG, KaplanMeier
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.wording import plural, rounded


def _stem(title: str, kind: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"{title} {kind}".lower()).strip("-")


def _of(group: str, estimate: Estimate) -> Estimate:
    return replace(estimate, name=f"{group}: {estimate.name}") if group else estimate


def _share(curve: KaplanMeier, time: float, time_unit: str) -> Estimate:
    """Survival at a time with the number at risk in its name, where a reader looks for it."""
    found = curve.survival_at(time)
    name = f"at {time:g} {time_unit} ({curve.number_at_risk(time)} at risk)"
    return replace(found, name=name, note="" if found.value is not None else found.note)


class Report(Pages):
    """Collects what was found, section by section, and writes it.

    Every section keeps n, unit, interval method and the source of the cut-off beside its figures.
    """

    def add_flow(self, flow: Flow) -> None:
        """Add the flow of patients with the reasons of every exclusion."""
        self.cover("flow")
        self.add_figure(
            _stem(flow.unit, "flow"),
            flow_figure(flow),
            f"Flow of {plural(flow.unit, 2)} and exclusions",
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

    def add_binary_evaluation(self, level: str, result: BinaryEvaluation) -> None:
        """Add everything of a ``binary_evaluation``: warnings, table, confusion matrix, ROC and precision-recall.

        Args:
            level: names the section and the files ("Patch level").
            result: the evaluation.
        """
        self.cover("metrics", "cutoff")
        self.add_heading(level)
        self.add_warnings(result.problems)
        self.add_estimates(f"{level}: diagnostic performance", result.estimates.values())
        counts, estimates, n, unit = result.confusion, result.estimates, result.n, result.unit
        sensitivity, specificity, ppv = (counts.metric(m) for m in ("sensitivity", "specificity", "PPV"))
        if result.roc and result.precision_recall and sensitivity is not None and specificity is not None:
            self.add_figure(
                _stem(level, "roc"),
                figures.roc_figure([("", result.roc, estimates["AUC"])], operating_point=(specificity, sensitivity)),
                f"{level}: receiver operating characteristic curve",
                n=n,
                unit=unit,
                estimates=[estimates["AUC"]],
                cutoff=result.cutoff,
                data=result.roc.as_json(),
            )
            self.add_figure(
                _stem(level, "precision-recall"),
                figures.precision_recall_figure(
                    [("", result.precision_recall, estimates["AP"])],
                    operating_point=None if ppv is None else (sensitivity, ppv),
                ),
                f"{level}: precision-recall curve; dotted line, precision of an uninformative classifier",
                n=n,
                unit=unit,
                estimates=[estimates["AP"]],
                cutoff=result.cutoff,
                data=result.precision_recall.as_json(),
            )
        matrix = ConfusionMatrix(("positive", "negative"), ((counts.tp, counts.fn), (counts.fp, counts.tn)))
        self.add_figure(
            _stem(level, "confusion"),
            figures.confusion_figure(matrix),
            f"{level}: confusion matrix; percentages are shares of the row",
            n=n,
            unit=unit,
            cutoff=result.cutoff,
            data=counts.as_json(),
        )

    def add_confusion_matrix(self, title: str, matrix: ConfusionMatrix, *, unit: str) -> None:
        """Add a decision among several categories: every one-vs-rest metric and the no-information rate test."""
        self.cover("metrics")
        self.add_heading(title)
        by_category = matrix.metrics(unit=unit)
        overall = by_category.pop("all")
        found = [*overall.values(), *(_of(name, one) for name, each in by_category.items() for one in each.values())]
        rule = "the category named is the decision, there is no cut-off"
        found = [replace(one, note="; ".join(filter(None, (one.note, rule)))) for one in found]
        self.add_estimates(f"{title}: accuracy, and each category against the rest", found)
        rate = matrix.no_information_rate
        if rate and rate < 1:
            test = no_information_rate_test(matrix.correct, matrix.n, rate, unit=unit)
            against = f"accuracy against the no-information rate {rounded(rate, 1, percent=True)} %"
            self.add_tests(f"{title}: is it better than naming the most frequent category?", [(against, test)])
        self.add_figure(
            _stem(title, "confusion"),
            figures.confusion_figure(matrix),
            f"{title}: confusion matrix; percentages are shares of the row; {rule}",
            n=matrix.n,
            unit=unit,
            data=matrix.as_json(),
        )

    def add_froc(self, level: str, curve: FrocCurve, at_cutoff: tuple[Estimate, Estimate]) -> None:
        """Add lesions found against false positives per volume.

        Args:
            level: names the section and the files ("Lesion level").
            curve: of ``froc``.
            at_cutoff: of ``lesion_operating_point``, with the same tolerance.
        """
        self.cover("metrics", "cutoff")
        self.add_heading(level)
        self.add_text(curve.rule)
        sensitivity, rate = at_cutoff
        self.add_estimates(f"{level}: detection", (*at_cutoff, *curve.at_rates, curve.cpm))
        known = sensitivity.value is not None and rate.value is not None
        self.add_figure(
            _stem(level, "froc"),
            figures.froc_figure(
                [("", curve)], operating_point=(rate.value or 0.0, sensitivity.value or 0.0) if known else None
            ),
            f"{level}: sensitivity against false positives per volume ({curve.volumes} volumes)",
            n=curve.lesions,
            unit="lesion",
            estimates=(*curve.at_rates, curve.cpm),
            cutoff=sensitivity.cutoff,
            data=curve.as_json(),
        )

    def add_calibration(self, title: str, curves: Sequence[tuple[str, Calibration]]) -> None:
        """Add calibration curve, slope, intercept and Brier score of each named risk."""
        self.cover("calibration")
        self.add_heading(title)
        self.add_warnings(
            replace(p, where=f"{name}: {p.where}" if name else p.where) for name, one in curves for p in one.problems
        )
        found = [_of(name, estimate) for name, one in curves for estimate in one.estimates]
        self.add_estimates(f"{title}: recalibration and Brier score", found)
        wilson = dict.fromkeys(point.interval.method for _, one in curves for point in one.bins)
        self.add_figure(
            _stem(title, "calibration"),
            figures.calibration_figure(curves),
            f"{title}: observed proportion against mean predicted risk, each point with its {' '.join(wilson)} "
            "interval; no cut-off applies",
            n=curves[0][1].n,
            unit=curves[0][1].unit,
            estimates=found,
            data={name or "risk": one.as_json() for name, one in curves},
        )

    def add_decision_curves(
        self, title: str, curves: Sequence[tuple[str, DecisionCurve]], *, at: Iterable[tuple[str, Estimate]] = ()
    ) -> None:
        """Add net benefit against threshold probability, beside acting on everybody and on nobody.

        Args:
            title: names the section and the files.
            curves: of each named risk, on the same units.
            at: ``net_benefit_at`` of each named risk at thresholds that matter, with intervals.
        """
        self.cover("clinical_utility")
        self.add_heading(title)
        found = [_of(name, estimate) for name, estimate in at]
        if found:
            self.add_estimates(f"{title}: net benefit per unit at chosen thresholds", found)
        self.add_figure(
            _stem(title, "decision"),
            figures.decision_figure(curves),
            f"{title}: decision curve; the threshold probability on the axis is the cut-off",
            n=curves[0][1].n,
            unit=curves[0][1].unit,
            estimates=found,
            data={name or "model": one.as_json() for name, one in curves},
        )

    def add_survival(
        self,
        title: str,
        curves: Sequence[KaplanMeier],
        *,
        test: HypothesisTest | None = None,
        at: Sequence[float] = (),
        time_unit: str = "months",
        ticks: Sequence[float] | None = None,
    ) -> None:
        """Add Kaplan-Meier curves with numbers at risk, median survival and the log-rank test.

        Args:
            title: names the section and the files ("Overall survival").
            curves: one per group.
            test: of ``log_rank`` over the same groups.
            at: times at which survival is given.
            time_unit: of the follow-up.
            ticks: times at which numbers at risk are given.
        """
        self.add_heading(title)
        medians = [_of(c.name, replace(c.median, name=f"median ({int(c.events.sum())} events)")) for c in curves]
        self.add_estimates(f"{title}: median in {time_unit}", medians, digits=1)
        shares = [_of(curve.name, _share(curve, time, time_unit)) for time in at for curve in curves]
        if shares:
            self.add_estimates(f"{title}: share without the event", shares)
        if test:
            self.add_tests(f"{title}: comparison of the groups", [(" v ".join(c.name for c in curves), test)])
        line = f"{test.name} {p_equation(test.p)}" if test else ""
        self.add_figure(
            _stem(title, "kaplan-meier"),
            figures.kaplan_meier_figure(curves, time_label=time_unit.capitalize(), label=title, test=line, ticks=ticks),
            f"{title}: Kaplan-Meier curves; shaded, pointwise {100 * curves[0].level:g} % limits ({LOG_LOG}); ticks, "
            "censored; below, numbers at risk",
            n=sum(curve.n for curve in curves),
            unit=curves[0].unit,
            estimates=medians,
            data={curve.name or "all": curve.as_json() for curve in curves},
            wide=True,
        )

    def add_hazard_ratios(self, title: str, ratios: Sequence[HazardRatio]) -> None:
        """Add the hazard ratios of one Cox model with their Wald tests."""
        self.add_estimates(title, [one.ratio for one in ratios], digits=2)
        self.add_tests(
            f"{title}: tests", [(one.ratio.name.removeprefix("hazard ratio of "), one.test) for one in ratios]
        )

    def add_importance(self, title: str, importance: Sequence[Estimate], *, measure: str) -> None:
        """Add the importance of features, the largest on top.

        Args:
            title: names the section and the files.
            importance: one per feature; its interval says how it varies, or why that is not known.
            measure: what the value is ("mean decrease of the AUC when the feature is permuted").
        """
        self.cover("explainability")
        self.add_heading(title)
        self.add_figure(
            _stem(title, "importance"),
            figures.importance_figure(
                {one.name: one.value for one in importance if one.value is not None},
                label=measure,
                intervals={one.name: one.interval for one in importance},
            ),
            f"{title}: {measure}; no cut-off applies",
            n=importance[0].n,
            unit=importance[0].unit,
            estimates=[replace(one, name=f"importance of {one.name}") for one in importance],
        )

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
                _stem(title, "roc"),
                figures.roc_figure(curves),
                f"{title}: receiver operating characteristic curves; no cut-off is shown",
                n=first.n,
                unit=first.unit,
                estimates=[_of(name, area) for name, _, area in curves],
                data={name: curve.as_json() for name, curve, _ in curves},
            )

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

    def add_examples(self, title: str, examples: Sequence[Example], *, cutoff: CutOff | None) -> None:
        """Add example cases: what was found, missed and falsely raised at the cut-off; nothing where there is none."""
        if not examples:
            return
        self.cover("failures")
        self.add_heading(title)
        for example in examples:
            self.add_slice(_stem(title, example.kind), example.view, example.caption, cutoff=cutoff)

    def add_slice(self, name: str, view: SliceView, caption: str, *, cutoff: CutOff | None = None) -> None:
        """Add one slice, plain and with its marks.

        Raises:
            InputError: a name that cannot be a file's, or one that is taken.
        """
        image = figures.as_jpeg(slice_figure(view))
        self.add_image(name, image, caption[:1].upper() + caption[1:], cutoff=cutoff, wide=True)
