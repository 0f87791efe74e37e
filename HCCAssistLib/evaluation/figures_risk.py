"""Pictures of risks: calibration, decision curves, survival, importance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.calibration import Calibration
from HCCAssistLib.evaluation.decision import DecisionCurve
from HCCAssistLib.evaluation.figures import COLOURS, GREY, LINES, PAGE, canvas, legend_above, unit_square
from HCCAssistLib.evaluation.result import Interval
from HCCAssistLib.evaluation.survival import KaplanMeier
from HCCAssistLib.wording import rounded

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def calibration_figure(curves: Sequence[tuple[str, Calibration]]) -> Figure:
    """Observed share against mean risk, with Wilson intervals, for each model."""
    with canvas() as (figure, axes):
        axes.plot((0, 1), (0, 1), color=GREY, linewidth=0.7, linestyle=":", label="perfect")
        for i, (name, result) in enumerate(curves):
            x = np.array([one.risk for one in result.bins])
            y = np.array([one.observed for one in result.bins])
            low = np.array([one.interval.low for one in result.bins], dtype=np.float64)
            high = np.array([one.interval.high for one in result.bins], dtype=np.float64)
            brier = "" if result.brier.value is None else f"Brier {rounded(result.brier.value, 3)}"
            colour = COLOURS[i % 7]
            axes.vlines(x, low, high, color=colour, linewidth=0.7)
            label = f"{name}: {brier}" if name else brier
            axes.plot(x, y, "s", color=colour, markersize=3.5, linestyle=LINES[i % 7], label=label)
        unit_square(axes, "Predicted risk", "Observed proportion")
        legend_above(figure, axes)
        return figure


def decision_figure(curves: Sequence[tuple[str, DecisionCurve]]) -> Figure:
    """Net benefit against threshold probability, beside acting on everybody and on nobody."""
    with canvas() as (figure, axes):
        first = curves[0][1]
        axes.plot(first.thresholds, first.treat_all, color=GREY, linewidth=0.9, linestyle="--", label="treat all")
        axes.axhline(0, color="black", linewidth=0.7, label="treat none")
        for i, (name, curve) in enumerate(curves):
            axes.plot(
                curve.thresholds, curve.model, color=COLOURS[i % 7], linestyle=LINES[i % 7], label=name or "model"
            )
        top = max(float(curve.model.max()) for _, curve in curves)
        top = max(top, first.prevalence) or 0.1
        axes.set(ylim=(-0.25 * top, 1.1 * top), xlim=(0, float(first.thresholds.max())))
        axes.set(xlabel="Threshold probability", ylabel="Net benefit")
        legend_above(figure, axes, columns=2)
        return figure


def kaplan_meier_figure(
    curves: Sequence[KaplanMeier],
    *,
    time_label: str = "Months",
    label: str = "Survival",
    test: str = "",
    ticks: Sequence[float] | None = None,
) -> Figure:
    """Kaplan-Meier curves with pointwise limits, censoring marks and numbers at risk.

    Args:
        curves: one per group.
        time_label: unit of the follow-up.
        label: of the curves' axis ("Overall survival").
        test: a line to print in the picture ("log-rank P = .040").
        ticks: times at which numbers at risk are given.
    """
    if not curves:
        raise InputError("there is no group to draw", "Kaplan-Meier curves")
    end = max(float(curve.times[-1]) for curve in curves) or 1.0
    with canvas(PAGE, 3.3 + 0.17 * len(curves)) as (figure, axes):
        for i, curve in enumerate(curves):
            colour = COLOURS[i % 7]
            time, survival = np.append(0.0, curve.times), np.append(1.0, curve.survival)
            axes.step(time, survival, where="post", color=colour, linestyle=LINES[i % 7], label=curve.name or "all")
            low, high = np.append(np.nan, curve.low), np.append(np.nan, curve.high)
            axes.fill_between(time, low, high, step="post", color=colour, alpha=0.12, linewidth=0)
            censored = curve.times[curve.at_risk - np.append(curve.at_risk[1:], 0) > curve.events]
            heights = survival[np.searchsorted(time, censored, side="right") - 1]
            axes.plot(censored, heights, "|", color=colour, markersize=5, markeredgewidth=0.7)
        ticks = [float(t) for t in (axes.get_xticks() if ticks is None else ticks) if 0 <= t <= 1.02 * end]
        axes.set_xticks(ticks)
        axes.set(xlim=(0, end * 1.02), ylim=(0, 1.02), xlabel=time_label, ylabel=label)
        # The numbers at risk stand under the axis, one line per group, at the ticks.
        line = 0.17 / (3.3 * 0.78)
        top = -0.2
        axes.text(0, top, "Number at risk", transform=axes.transAxes, fontsize=7.5, fontweight="bold", ha="left")
        for i, curve in enumerate(curves):
            y = top - line * (i + 1)
            axes.annotate(
                curve.name or "all",
                (0, y),
                xycoords="axes fraction",
                xytext=(-14, 0),
                textcoords="offset points",
                fontsize=7.5,
                ha="right",
                color=COLOURS[i % 7],
            )
            for tick in ticks:
                axes.text(
                    tick,
                    y,
                    str(curve.number_at_risk(tick)),
                    transform=axes.get_xaxis_transform(),
                    fontsize=7.5,
                    ha="center",
                )
        if test:
            axes.text(0.02, 0.03, test, transform=axes.transAxes, fontsize=7.5)
        legend_above(figure, axes, columns=2)
        return figure


def importance_figure(
    importance: Mapping[str, float],
    *,
    label: str = "Mean decrease in impurity",
    intervals: Mapping[str, Interval] | None = None,
) -> Figure:
    """Importance of features, the largest on top, with their intervals where there are such."""
    if not importance:
        raise InputError("there is no importance to draw", "importance of features")
    ordered = sorted(importance.items(), key=lambda item: item[1])
    limits = {
        name: (one.low, one.high)
        for name, one in (intervals or {}).items()
        if one.low is not None and one.high is not None
    }
    with canvas(PAGE, 0.8 + 0.24 * len(ordered)) as (figure, axes):
        axes.barh([name for name, _ in ordered], [value for _, value in ordered], color=COLOURS[0], height=0.65)
        ends = []
        for row, (name, value) in enumerate(ordered):
            low, high = limits.get(name, (value, value))
            if name in limits:
                axes.hlines(row, low, high, color="black", linewidth=0.8)
            ends += [low, max(value, high)]
            axes.text(ends[-1], row, f" {rounded(value, 3)}", va="center", fontsize=7.5)
        left, right = min(0.0, *ends), max(0.0, *ends)
        room = 0.18 * (right - left or 1.0)
        axes.set(xlabel=label[:1].upper() + label[1:], xlim=(left - (room / 3 if left < 0 else 0), right + room))
        if left < 0:
            axes.axvline(0, color="black", linewidth=0.6)
            axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        return figure
