"""Sections of a report on findings and diagnoses: decisions of two or several categories, lesions found, examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from HCCAssistLib.evaluation import figures
from HCCAssistLib.evaluation.binary import BinaryEvaluation
from HCCAssistLib.evaluation.confusion import ConfusionMatrix, no_information_rate_test
from HCCAssistLib.evaluation.example_cases import Example
from HCCAssistLib.evaluation.froc import FrocCurve
from HCCAssistLib.evaluation.report_pages import Pages, file_stem, prefixed
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.evaluation.slice_view import SliceView, slice_figure
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.wording import rounded


class DiagnosisSections(Pages):
    """Adds results of detection and classification."""

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
                file_stem(level, "roc"),
                figures.roc_figure([("", result.roc, estimates["AUC"])], operating_point=(specificity, sensitivity)),
                f"{level}: receiver operating characteristic curve",
                n=n,
                unit=unit,
                estimates=[estimates["AUC"]],
                cutoff=result.cutoff,
                data=result.roc.as_json(),
            )
            self.add_figure(
                file_stem(level, "precision-recall"),
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
            file_stem(level, "confusion"),
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
        found = [
            *overall.values(),
            *(prefixed(name, one) for name, each in by_category.items() for one in each.values()),
        ]
        rule = "the category named is the decision, there is no cut-off"
        found = [replace(one, note="; ".join(filter(None, (one.note, rule)))) for one in found]
        self.add_estimates(f"{title}: accuracy, and each category against the rest", found)
        rate = matrix.no_information_rate
        if rate and rate < 1:
            test = no_information_rate_test(matrix.correct, matrix.n, rate, unit=unit)
            against = f"accuracy against the no-information rate {rounded(rate, 1, percent=True)} %"
            self.add_tests(f"{title}: is it better than naming the most frequent category?", [(against, test)])
        self.add_figure(
            file_stem(title, "confusion"),
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
            file_stem(level, "froc"),
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

    def add_examples(self, title: str, examples: Sequence[Example], *, cutoff: CutOff | None) -> None:
        """Add example cases: what was found, missed and falsely raised at the cut-off; nothing where there is none."""
        if not examples:
            return
        self.cover("failures")
        self.add_heading(title)
        for example in examples:
            self.add_slice(file_stem(title, example.kind), example.view, example.caption, cutoff=cutoff)

    def add_slice(self, name: str, view: SliceView, caption: str, *, cutoff: CutOff | None = None) -> None:
        """Add one slice, plain and with its marks.

        Raises:
            InputError: a name that cannot be a file's, or one that is taken.
        """
        image = figures.as_jpeg(slice_figure(view))
        self.add_image(name, image, caption[:1].upper() + caption[1:], cutoff=cutoff, wide=True)
