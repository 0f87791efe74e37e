"""Sections of a report on findings and diagnoses: decisions of two or several categories, lesions found, examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from HCCAssistLib.evaluation import figures
from HCCAssistLib.evaluation.binary import BinaryEvaluation
from HCCAssistLib.evaluation.categories import OF_EACH, CategoryEvaluation
from HCCAssistLib.evaluation.confusion import ConfusionMatrix
from HCCAssistLib.evaluation.crop_view import CropView, crop_picture
from HCCAssistLib.evaluation.example_cases import Example
from HCCAssistLib.evaluation.froc import FrocCurve
from HCCAssistLib.evaluation.report_pages import Pages, file_stem, prefixed
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.evaluation.slice_view import SliceView, slice_figure
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.wording import plural, rounded


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

    def add_category_evaluation(self, title: str, found: CategoryEvaluation) -> None:
        """Add a ``category_evaluation``: accuracy, each category and subclass, confusion matrix and mistakes."""
        self.cover("metrics")
        self.add_heading(title)
        rule = "the category named is the decision, there is no cut-off"

        def ruled(one: Estimate) -> Estimate:
            return replace(one, note="; ".join(filter(None, (one.note, rule))))

        self.add_estimates(f"{title}: all categories together", map(ruled, (found.accuracy, found.balanced_accuracy)))
        finer: dict[str, list[tuple[str, Estimate]]] = {}
        for name, one in found.by_subclass.items():
            finer.setdefault(found.category_of[name], []).append((name, one))
        rows = []
        for measure in OF_EACH:
            for code, each in found.by_category.items():
                rows.append(prefixed(code, each[measure]))
                rows += [prefixed(name, one) for name, one in finer.get(code, []) if measure == one.name]
        self.add_estimates(f"{title}: each category against the others", map(ruled, rows))
        if test := found.no_information:
            rate = rounded(test.details["no_information_rate"], 1, percent=True)
            against = f"accuracy against the no-information rate {rate} %"
            self.add_tests(f"{title}: is it better than naming the most frequent category?", [(against, test)])
        self.add_figure(
            file_stem(title, "confusion"),
            figures.confusion_figure(found.matrix),
            f"{title}: confusion matrix; percentages are shares of the row; {rule}",
            n=found.n,
            unit=found.unit,
            data=found.matrix.as_json(),
        )
        if found.mistakes:
            self.cover("failures")
            mistakes = [
                (true, instead, f"{count}/{n}", rounded(count / n, 1, percent=True))
                for true, instead, count, n in found.mistakes
            ]
            columns = ("Reference", "Taken for", "How often", "%")
            note = f"Of all {plural(found.unit, 2)} of the reference category, or of its subclass where it has one."
            self.add_table(f"{title}: mistakes, the most frequent first", columns, mistakes, note=note)

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

    def add_crops(self, name: str, view: CropView, caption: str, *, unit: str) -> None:
        """Add what a network saw, each picture under its name.

        Raises:
            InputError: a name that cannot be a file's, or one that is taken.
        """
        self.add_image(name, crop_picture(view), f"{caption}: {view.caption}", unit=unit, wide=True)

    def add_slice(self, name: str, view: SliceView, caption: str, *, cutoff: CutOff | None = None) -> None:
        """Add one slice, plain and with its marks.

        Raises:
            InputError: a name that cannot be a file's, or one that is taken.
        """
        image = figures.as_jpeg(slice_figure(view))
        self.add_image(name, image, caption[:1].upper() + caption[1:], cutoff=cutoff, wide=True)
