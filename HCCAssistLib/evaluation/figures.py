"""Pictures of findings and diagnoses, and what all pictures of a report share.

Vector and raster come from the same drawing, readable in grey and by the colour-blind.

Needs matplotlib (the extra ``reports``), which is imported when the first picture is drawn.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.evaluation.confusion import ConfusionMatrix
from HCCAssistLib.evaluation.discrimination import PrecisionRecallCurve, RocCurve
from HCCAssistLib.evaluation.display import interval_text
from HCCAssistLib.evaluation.froc import FrocCurve
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.wording import rounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette."""
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
GREY = "#767676"

COLUMN, PAGE = 89 / 25.4, 183 / 25.4
"""Widths in inches of one column of a journal (89 mm) and of its page (183 mm); every drawing has one of them."""

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
    "svg.fonttype": "none",  # text stays text, which a journal can set in its own font
    "svg.hashsalt": "HCCAssist",  # the same drawing gives the same bytes
}


@contextmanager
def canvas(width: float = COLUMN, height: float = 3.3) -> Iterator[tuple[Figure, Axes]]:
    """A figure of one journal column with one axes, drawn without any global state."""
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


def unit_square(axes: Axes, x: str, y: str) -> None:
    """Both axes from 0 to 1, with their names."""
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=x, ylabel=y, aspect="equal")
    ticks = np.linspace(0, 1, 6)
    axes.set_xticks(ticks)
    axes.set_yticks(ticks)


def legend_above(figure: Figure, axes: Axes, columns: int = 1) -> None:
    """A legend above the axes, where it covers no curve; the figure grows by its rows, so that the axes keep theirs.

    Args:
        figure: of the axes.
        axes: whose lines have labels.
        columns: that the entries stand in; one where their names are long.
    """
    entries = len(axes.get_legend_handles_labels()[1])
    rows = -(-entries // columns)
    figure.set_figheight(figure.get_figheight() + 0.18 * rows)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.02), ncols=columns, borderaxespad=0)
    # axes of equal scales shrink after they were laid out: the first drawing would cut what lies below them
    figure.draw_without_rendering()


def _with_interval(name: str, estimate: Estimate) -> str:
    """``AUC 0.992 (0.987, 0.997)``; the patient-clustered interval where there is one."""
    value = "undefined" if estimate.value is None else rounded(estimate.value, 3)
    interval = estimate.clustered or estimate.interval
    limits = "" if interval.low is None else f" ({interval_text(interval)})"
    return f"{name} {value}{limits}"


def _mark_operating_point(axes: Axes, x: float, y: float) -> None:
    axes.plot(
        x,
        y,
        "o",
        color="black",
        markersize=5,
        markerfacecolor="white",
        zorder=5,
        clip_on=False,
        label="at the cut-off",
    )


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
            _mark_operating_point(axes, 1 - specificity, sensitivity)
        unit_square(axes, "1 \N{MINUS SIGN} specificity", "Sensitivity")
        legend_above(figure, axes)
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
            _mark_operating_point(axes, *operating_point)
        unit_square(axes, "Recall (sensitivity)", "Precision (PPV)")
        legend_above(figure, axes)
        return figure


def froc_figure(
    curves: Sequence[tuple[str, FrocCurve]], *, operating_point: tuple[float, float] | None = None
) -> Figure:
    """FROC curves on a doubling axis, with the sensitivity at each rate and its interval.

    Args:
        curves: name and curve of each model.
        operating_point: false positives per volume and sensitivity at the cut-off.
    """
    with canvas() as (figure, axes):
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
            _mark_operating_point(axes, max(rate, axes.get_xlim()[0]), sensitivity)
        axes.set(ylim=(-0.01, 1.01), xlabel="False positives per volume", ylabel="Lesion-level sensitivity")
        legend_above(figure, axes, columns=2 if len(curves) == 1 else 1)
        return figure


def _rate_label(rate: float) -> str:
    inverse = 1 / rate if rate else 0
    return f"1/{inverse:g}" if rate < 1 and inverse == int(inverse) else f"{rate:g}"


def confusion_figure(matrix: ConfusionMatrix) -> Figure:
    """Counts, shaded by their share of the true category (row)."""
    size = len(matrix.categories)
    with canvas(height=min(1.1 + 0.6 * size, 3.6)) as (figure, axes):
        counts = np.array(matrix.counts, dtype=np.float64)
        totals = counts.sum(axis=1, keepdims=True)
        shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
        edges = np.arange(size + 1) - 0.5
        axes.pcolormesh(edges, edges, shares, cmap="Blues", vmin=0, vmax=1)  # cells, and not an image, in the SVG
        axes.set(aspect="equal", ylim=(size - 0.5, -0.5))
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
