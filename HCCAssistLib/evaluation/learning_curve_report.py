"""The report of a learning curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from HCCAssistLib.evaluation.display import NOT_GIVEN, interval_text
from HCCAssistLib.evaluation.figures import COLOURS, GREY, canvas, legend_above
from HCCAssistLib.evaluation.learning_curve import SIZES, LearningCurve
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.wording import plural, rounded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METHODS = (
    "Networks were trained on nested parts of the training patients, balanced by group, and all of them evaluated on "
    "the same test cases; validation cases were the same, too. An inverse power law (Figueroa et al. 2012) that never "
    "falls was drawn through the figures by least squares. Its intervals resample the residuals of the trainings; they "
    "do not tell how the figure would be on other test cases, and a forecast takes for granted that new cases are of "
    "the same kind as those of the cohort."
)


def learning_curve_report(curve: LearningCurve, *, title: str, unit: str, provenance: Mapping[str, str]) -> Report:
    """Figure, table and forecast.

    Args:
        curve: of one figure.
        title: of the report.
        unit: of the test cases.
        provenance: what it rests on.
    """
    largest = curve.sizes[-1].patients
    pages = Report(
        title,
        subtitle=f"{curve.name} on the same {curve.test} {plural(unit, curve.test)} for testing",
        provenance=provenance,
        covered=("purpose", "partitions"),
    )
    pages.add_methods(METHODS)
    pages.add_text(curve.sentence)
    pages.add_figure(
        "learning-curve",
        learning_curve_figure(curve),
        f"{curve.name} against the number of patients that were trained on: each training, and the law through them",
        n=curve.test,
        unit=unit,
        data=curve.as_json(),
    )
    columns = ("Patients", "Trainings", "Median", "Lowest", "Highest")
    rows = [
        (str(s.patients), str(len(s.values)), *(rounded(v, 3) for v in (s.median, min(s.values), max(s.values))))
        for s in curve.sizes
    ]
    pages.add_table(f"{curve.name} of each size", columns, rows, note="Lowest and highest are no confidence interval.")
    if len(curve.sizes) >= SIZES:
        found = [curve.forecast(round(factor * largest)) for factor in (1.5, 2.0)]
        pages.add_table(
            "Forecast for larger cohorts of the same kind",
            ("Patients", curve.name, "95 % interval", f"More than with {largest}", "95 % interval"),
            [
                (
                    str(one.patients),
                    rounded(one.value, 3),
                    interval_text(one.interval),
                    rounded(one.gain, 3),
                    interval_text(one.gain_interval),
                )
                for one in found
            ],
            note=f"{NOT_GIVEN}: too few trainings. The interval is of the trainings, not of the test cases.",
        )
    return pages


def learning_curve_figure(curve: LearningCurve) -> Figure:
    """Every training as a point, the law as a line, dashed where it is a forecast."""
    with canvas() as (figure, axes):
        counts = np.repeat([one.patients for one in curve.sizes], [len(one.values) for one in curve.sizes])
        values = np.concatenate([one.values for one in curve.sizes])
        axes.plot(counts, values, "o", color=COLOURS[0], markersize=3.5, label="a training")
        smallest, largest = curve.sizes[0].patients, curve.sizes[-1].patients
        if len(curve.sizes) >= SIZES:
            for first, last, style, label in (
                (smallest, largest, "-", "law"),
                (largest, 2 * largest, "--", "forecast"),
            ):
                counts = np.unique(np.linspace(first, last, 40).round().astype(int))
                law = [curve.at(int(count)) for count in counts]
                axes.plot(counts, law, linestyle=style, color=COLOURS[1], label=label)
            for factor in (1.5, 2.0):
                more = curve.forecast(round(factor * largest))
                if more.interval.low is not None and more.interval.high is not None:
                    named = "95 % interval" if factor == 2.0 else "_"
                    axes.vlines(
                        more.patients, more.interval.low, more.interval.high, color=GREY, linewidth=1, label=named
                    )
        legend_above(figure, axes, columns=2)
        axes.set(xlabel="Patients for training", ylabel=curve.name[:1].upper() + curve.name[1:])
        axes.set_xlim(0, 2.1 * largest)
        return figure
