"""Sections of a report on risks: calibration, net benefit, survival, hazard ratios, importance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from HCCAssistLib.evaluation import figures_risk
from HCCAssistLib.evaluation.calibration import Calibration
from HCCAssistLib.evaluation.cox import HazardRatio
from HCCAssistLib.evaluation.decision import DecisionCurve
from HCCAssistLib.evaluation.discrimination import RocCurve
from HCCAssistLib.evaluation.display import p_equation
from HCCAssistLib.evaluation.figures import roc_figure
from HCCAssistLib.evaluation.report_pages import Pages, file_stem, prefixed
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest
from HCCAssistLib.evaluation.survival import LOG_LOG, KaplanMeier


def _share(curve: KaplanMeier, time: float, time_unit: str) -> Estimate:
    """Survival at a time with the number at risk in its name, where a reader looks for it."""
    found = curve.survival_at(time)
    name = f"at {time:g} {time_unit} ({curve.number_at_risk(time)} at risk)"
    return replace(found, name=name, note="" if found.value is not None else found.note)


def _named(name: str, one: Estimate) -> Estimate:
    return replace(one, name=f"{name}: {one.name.rpartition(': ')[2]}")


class RiskSections(Pages):
    """Adds results of risk models."""

    def add_beside(
        self,
        title: str,
        curve: RocCurve,
        area: Estimate,
        simple: Sequence[tuple[str, RocCurve, Estimate, Estimate, HypothesisTest]],
        *,
        of: str,
        model: str = "network",
    ) -> None:
        """Add the AUC of a network beside those of simple rules on the same patients, and the ROC of all of them.

        Args:
            title: of the section, which the files are named by.
            curve: of the network.
            area: its AUC.
            simple: name, ROC and AUC of each rule, the AUC of the network minus that, and the paired test.
            of: what is predicted.
            model: what the network is called.
        """
        curves = [(model, curve, area), *((name, one, its) for name, one, its, _, _ in simple)]
        areas = [_named(name, its) for name, _, its in curves]
        self.add_estimates(f"{title}: AUC of {of}, patients", areas)
        differences = [_named(f"{model} minus {name}", difference) for name, _, _, difference, _ in simple]
        self.add_estimates(f"{title}: {model} minus each", differences)
        self.add_tests(f"{title}: tests", [(f"{model} against {name}", test) for name, _, _, _, test in simple])
        self.add_figure(
            file_stem(title, "roc"),
            roc_figure(curves),
            f"{title}: {of} of patients, {model} and what is simpler; no cut-off is shown",
            n=area.n,
            unit="patient",
            estimates=areas,
            data={name: one.as_json() for name, one, _ in curves},
        )

    def add_calibration(self, title: str, curves: Sequence[tuple[str, Calibration]]) -> None:
        """Add calibration curve, slope, intercept and Brier score of each named risk."""
        self.cover("calibration")
        self.add_heading(title)
        self.add_warnings(
            replace(p, where=f"{name}: {p.where}" if name else p.where) for name, one in curves for p in one.problems
        )
        found = [prefixed(name, estimate) for name, one in curves for estimate in one.estimates]
        self.add_estimates(f"{title}: recalibration and Brier score", found)
        wilson = dict.fromkeys(point.interval.method for _, one in curves for point in one.bins)
        self.add_figure(
            file_stem(title, "calibration"),
            figures_risk.calibration_figure(curves),
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
        found = [prefixed(name, estimate) for name, estimate in at]
        if found:
            self.add_estimates(f"{title}: net benefit per unit at chosen thresholds", found)
        self.add_figure(
            file_stem(title, "decision"),
            figures_risk.decision_figure(curves),
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
        label: str = "",
    ) -> None:
        """Add Kaplan-Meier curves with numbers at risk, median survival and the log-rank test.

        Args:
            title: names the section and the files ("Overall survival").
            curves: one per group.
            test: of ``log_rank`` over the same groups.
            at: times at which survival is given.
            time_unit: of the follow-up.
            ticks: times at which numbers at risk are given.
            label: of the axis; the title where empty.
        """
        self.add_heading(title)
        medians = [prefixed(c.name, replace(c.median, name=f"median ({int(c.events.sum())} events)")) for c in curves]
        self.add_estimates(f"{title}: median in {time_unit}", medians, digits=1)
        shares = [prefixed(curve.name, _share(curve, time, time_unit)) for time in at for curve in curves]
        if shares:
            self.add_estimates(f"{title}: share without the event", shares)
        if test:
            self.add_tests(f"{title}: comparison of the groups", [(" v ".join(c.name for c in curves), test)])
        line = f"{test.name} {p_equation(test.p)}" if test else ""
        self.add_figure(
            file_stem(title, "kaplan-meier"),
            figures_risk.kaplan_meier_figure(
                curves, time_label=time_unit.capitalize(), label=label or title, test=line, ticks=ticks
            ),
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
            file_stem(title, "importance"),
            figures_risk.importance_figure(
                {one.name: one.value for one in importance if one.value is not None},
                label=measure,
                intervals={one.name: one.interval for one in importance},
            ),
            f"{title}: {measure}; no cut-off applies",
            n=importance[0].n,
            unit=importance[0].unit,
            estimates=[replace(one, name=f"importance of {one.name}") for one in importance],
        )
