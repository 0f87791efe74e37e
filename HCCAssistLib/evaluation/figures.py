"""Pictures of a report: vector and raster from the same drawing, readable in grey and by the colour-blind.

Needs matplotlib (the extra ``reports``), which is imported when the first picture is drawn.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.evaluation.calibration import Calibration
from HCCAssistLib.evaluation.confusion import ConfusionMatrix
from HCCAssistLib.evaluation.decision import DecisionCurve
from HCCAssistLib.evaluation.discrimination import PrecisionRecallCurve, RocCurve
from HCCAssistLib.evaluation.display import interval_text
from HCCAssistLib.evaluation.froc import FrocCurve
from HCCAssistLib.evaluation.result import Estimate, Interval
from HCCAssistLib.evaluation.survival import KaplanMeier
from HCCAssistLib.wording import rounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette."""
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
GREY = "#767676"

_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Arial", "Helvetica", "Liberation Sans", "DejaVu Sans"],
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 9,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "svg.fonttype": "path",
    "svg.hashsalt": "HCCAssist",  # the same drawing gives the same bytes
}


@contextmanager
def canvas(width: float = 3.5, height: float = 3.3) -> Iterator[tuple[Figure, Axes]]:
    """A figure of one journal column (3.5 inches) with one axes, drawn without any global state."""
    try:
        import logging

        import matplotlib
        from matplotlib.figure import Figure as MatplotlibFigure
    except ImportError as error:
        raise HCCAssistError("pictures need matplotlib: install it with pip install 'HCCAssistLib[reports]'") from error
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # the fonts are a list of wishes
    with matplotlib.rc_context(_STYLE):
        figure = MatplotlibFigure(figsize=(width, height), layout="constrained")
        yield figure, figure.add_subplot()


def as_svg(figure: Figure) -> bytes:
    """The drawing as SVG, the same bytes for the same drawing."""
    return _rendered(figure, format="svg", metadata={"Date": None})


def as_png(figure: Figure, *, dpi: int = 300) -> bytes:
    """The drawing as PNG at the resolution journals ask for."""
    return _rendered(figure, format="png", dpi=dpi, metadata={"Software": None})


def as_jpeg(figure: Figure, *, dpi: int = 130) -> bytes:
    """The drawing as JPEG: a third of a PNG's size where it shows the noise of a CT."""
    return _rendered(figure, format="jpeg", dpi=dpi, pil_kwargs={"quality": 88})


def _rendered(figure: Figure, **options: Any) -> bytes:
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(buffer, facecolor="white", **options)
    return buffer.getvalue()


def _unit_square(axes: Axes, x: str, y: str) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=x, ylabel=y, aspect="equal")
    ticks = np.linspace(0, 1, 6)
    axes.set_xticks(ticks)
    axes.set_yticks(ticks)


def _with_interval(name: str, estimate: Estimate) -> str:
    """``AUC 0.992 (0.987, 0.997)``; the patient-clustered interval where there is one."""
    value = "undefined" if estimate.value is None else rounded(estimate.value, 3)
    interval = estimate.clustered or estimate.interval
    limits = "" if interval.low is None else f" ({interval_text(interval)})"
    return f"{name} {value}{limits}"


def roc_figure(
    curves: Sequence[tuple[str, RocCurve, Estimate]], *, operating_point: tuple[float, float] | None = None
) -> Figure:
    """ROC curves, each with its AUC.

    Args:
        curves: name, curve and AUC of each score.
        operating_point: specificity and sensitivity at the cut-off.
    """
    with canvas() as (figure, axes):
        axes.plot((0, 1), (0, 1), color=GREY, linewidth=0.7, linestyle=":")
        for i, (name, curve, area) in enumerate(curves):
            label = _with_interval(f"{name}: AUC" if name else "AUC", area)
            axes.plot(
                curve.false_positive_rate,
                curve.sensitivity,
                color=COLOURS[i % 7],
                linestyle=LINES[i % 7],
                label=label,
                drawstyle="default",
                clip_on=False,
            )
        if operating_point:
            specificity, sensitivity = operating_point
            axes.plot(
                1 - specificity,
                sensitivity,
                "o",
                color="black",
                markersize=5,
                markerfacecolor="white",
                zorder=5,
                clip_on=False,
                label="at the cut-off",
            )
        _unit_square(axes, "1 \N{MINUS SIGN} specificity", "Sensitivity")
        axes.legend(loc="lower right")
        return figure


def precision_recall_figure(
    curves: Sequence[tuple[str, PrecisionRecallCurve, Estimate]], *, operating_point: tuple[float, float] | None = None
) -> Figure:
    """Precision-recall curves, each with its average precision.

    Args:
        curves: name, curve and average precision of each score.
        operating_point: recall and precision at the cut-off.
    """
    with canvas() as (figure, axes):
        for i, (name, curve, average) in enumerate(curves):
            label = _with_interval(f"{name}: AP" if name else "AP", average)
            # From recall 1 down: each precision holds as far as the next recall, so the area is the AP.
            axes.plot(
                np.append(curve.recall, 0.0),
                np.append(curve.precision, curve.precision[-1]),
                color=COLOURS[i % 7],
                linestyle=LINES[i % 7],
                drawstyle="steps-post",
                label=label,
                clip_on=False,
            )
        for prevalence in sorted({curve.prevalence for _, curve, _ in curves}):
            axes.axhline(
                prevalence, color=GREY, linewidth=0.7, linestyle=":", label=f"prevalence {rounded(prevalence, 3)}"
            )
        if operating_point:
            axes.plot(
                *operating_point,
                "o",
                color="black",
                markersize=5,
                markerfacecolor="white",
                zorder=5,
                clip_on=False,
                label="at the cut-off",
            )
        _unit_square(axes, "Recall (sensitivity)", "Precision (PPV)")
        axes.legend(loc="lower left")
        return figure


def froc_figure(
    curves: Sequence[tuple[str, FrocCurve]], *, operating_point: tuple[float, float] | None = None
) -> Figure:
    """FROC curves on a doubling axis, with the sensitivity at each rate and its interval.

    Args:
        curves: name and curve of each model.
        operating_point: false positives per volume and sensitivity at the cut-off.
    """
    with canvas(height=3.3 + 0.2 * (len(curves) - 1)) as (figure, axes):
        for i, (name, curve) in enumerate(curves):
            left, right = curve.rates[0] / 1.5, curve.rates[-1] * 1.5
            false_positives = curve.false_positives_per_volume
            x = np.concatenate(([left], false_positives, [max(right, false_positives[-1])]))
            y = np.concatenate(([0.0], curve.sensitivity, curve.sensitivity[-1:]))
            y[0] = y[x <= left].max()
            colour = COLOURS[i % 7]
            label = _with_interval(f"{name}: mean" if name else "mean", curve.cpm)
            axes.step(np.maximum(x, left), y, where="post", color=colour, linestyle=LINES[i % 7], label=label)
            for rate, estimate in zip(curve.rates, curve.at_rates, strict=True):
                if estimate.value is None:
                    continue
                axes.plot(rate, estimate.value, "s", color=colour, markersize=3)
                if estimate.interval.low is not None:
                    axes.vlines(rate, estimate.interval.low, estimate.interval.high or 0.0, color=colour, linewidth=0.7)
            axes.set_xlim(left, right)
            axes.set_xscale("log", base=2)
            axes.set_xticks(curve.rates, [_rate_label(rate) for rate in curve.rates])
            axes.minorticks_off()
        if operating_point:
            rate, sensitivity = operating_point
            axes.plot(
                max(rate, axes.get_xlim()[0]),
                sensitivity,
                "o",
                color="black",
                markersize=5,
                markerfacecolor="white",
                zorder=5,
                clip_on=False,
                label="at the cut-off",
            )
        axes.set(ylim=(-0.01, 1.01), xlabel="False positives per volume", ylabel="Lesion-level sensitivity")
        # above the axes: one line for one curve and its point, a line each for several, whose names are long
        columns = 2 if len(curves) == 1 else 1
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.02), ncols=columns, borderaxespad=0)
        return figure


def _rate_label(rate: float) -> str:
    inverse = 1 / rate if rate else 0
    return f"1/{inverse:g}" if rate < 1 and inverse == int(inverse) else f"{rate:g}"


def confusion_figure(matrix: ConfusionMatrix) -> Figure:
    """Counts, shaded by their share of the true category (row)."""
    size = len(matrix.categories)
    with canvas(1.3 + 0.6 * size, 1.1 + 0.6 * size) as (figure, axes):
        counts = np.array(matrix.counts, dtype=np.float64)
        totals = counts.sum(axis=1, keepdims=True)
        shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row in range(size):
            for column in range(size):
                axes.text(
                    column,
                    row,
                    f"{matrix.counts[row][column]}\n{rounded(shares[row, column], 1, percent=True)} %",
                    ha="center",
                    va="center",
                    fontsize=7.5,
                    color="white" if shares[row, column] > 0.55 else "black",
                )
        axes.set_xticks(range(size), matrix.categories)
        axes.set_yticks(range(size), matrix.categories)
        axes.set(xlabel="Predicted", ylabel="Reference")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        return figure


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
        _unit_square(axes, "Predicted risk", "Observed proportion")
        axes.legend(loc="upper left")
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
        axes.legend(loc="upper right")
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
    with canvas(4.6, 3.3 + 0.17 * len(curves)) as (figure, axes):
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
        axes.legend(loc="upper right")
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
    with canvas(4.6, 0.8 + 0.24 * len(ordered)) as (figure, axes):
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
