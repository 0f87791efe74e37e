"""What Yasaka 2018 prints of five models comes out of its printed counts, and permuted labels come out at chance."""

import numpy as np
import pytest

from HCCAssistLib.evaluation.bootstrap import bootstrap_interval
from HCCAssistLib.evaluation.comparison import compare_sessions
from HCCAssistLib.evaluation.confusion import Confusion, ConfusionMatrix, binary_metrics
from HCCAssistLib.evaluation.group_tests import steel_test
from HCCAssistLib.evaluation.ordinal import ordinal_auc
from HCCAssistLib.recipes.liver_mass.recipe import CATEGORIES, MALIGNANT
from HCCAssistLib.wording import rounded

MASSES = {"A": 21, "B": 9, "C": 35, "D": 20, "E": 15}
RIGHT = {
    "triphasic": (15, 3, 33, 18, 15),
    "arterial-delayed": (15, 2, 32, 18, 15),
    "unenhanced": (7, 2, 19, 5, 15),
    "arterial": (11, 1, 24, 15, 15),
    "delayed": (11, 3, 26, 16, 15),
}
"""Masses of each category that a model named rightly, one mass for each of 100 patients."""

HYPOVASCULAR, RIGHT_HYPOVASCULAR = 14, 7
"""Masses of C, and those that the delayed model named rightly."""

AUC = {"triphasic": 0.92, "arterial-delayed": 0.88, "unenhanced": 0.61, "arterial": 0.78, "delayed": 0.81}

SESSIONS = {
    "triphasic": (0.82, 0.83, 0.84, 0.85, 0.90),
    "arterial-delayed": (0.75, 0.78, 0.81, 0.84, 0.86),
    "unenhanced": (0.39, 0.45, 0.48, 0.48, 0.60),
    "arterial": (0.63, 0.65, 0.66, 0.66, 0.70),
    "delayed": (0.67, 0.67, 0.71, 0.74, 0.74),
}
"""Accuracies with the printed medians and ranges; those between are ours."""


def confusion(right: tuple[int, ...], wrong: dict[str, str]) -> ConfusionMatrix:
    """The printed diagonal, with every error of a category in one other category."""
    codes = tuple(CATEGORIES)
    counts = np.diag(right)
    for row, (code, n) in enumerate(MASSES.items()):
        counts[row, codes.index(wrong[code])] += n - right[row]
    return ConfusionMatrix(codes, tuple(map(tuple, counts.tolist())))


def area(matrix: ConfusionMatrix) -> float:
    cells = [
        (truth, named)
        for truth, row in zip(matrix.categories, matrix.counts, strict=True)
        for named, n in zip(matrix.categories, row, strict=True)
        for _ in range(n)
    ]
    found = ordinal_auc([truth in MALIGNANT for truth, _ in cells], [named for _, named in cells], unit="mass")
    assert found.value is not None
    return found.value


LOWEST = {"A": "E", "B": "E", "C": "A", "D": "A", "E": "A"}
HIGHEST = {"A": "B", "B": "A", "C": "E", "D": "E", "E": "D"}


@pytest.mark.parametrize("model", RIGHT)
def test_the_counts_of_a_category_give_its_sensitivity_and_the_accuracy(model: str) -> None:
    matrix = confusion(RIGHT[model], LOWEST)
    metrics = matrix.metrics(unit="mass")
    found = {code: (metrics[code]["sensitivity"].successes, metrics[code]["sensitivity"].n) for code in MASSES}
    assert found == {code: (n, MASSES[code]) for code, n in zip(MASSES, RIGHT[model], strict=True)}
    accuracy = rounded(metrics["all"]["accuracy"].value, 2)
    # the counts of arterial-delayed are medians of each category and add up to 82, where the median accuracy is 0.81
    assert accuracy == ("0.82" if model == "arterial-delayed" else f"{np.median(SESSIONS[model]):.2f}")


def test_a_subtype_of_14_masses_has_its_exact_interval() -> None:
    missed = HYPOVASCULAR - RIGHT_HYPOVASCULAR
    found = binary_metrics(Confusion(tp=RIGHT_HYPOVASCULAR, fn=missed, fp=0, tn=0), unit="mass")
    sensitivity = found["sensitivity"]
    assert (sensitivity.value, sensitivity.n, sensitivity.unit) == (0.5, 14, "mass")
    limits = sensitivity.interval.low, sensitivity.interval.high
    assert limits == pytest.approx((0.2304, 0.7696), abs=5e-5)  # Clopper-Pearson


@pytest.mark.parametrize("model", RIGHT)
def test_the_printed_ordinal_auc_lies_between_the_limits_that_the_counts_allow(model: str) -> None:
    low, high = (area(confusion(RIGHT[model], wrong)) for wrong in (LOWEST, HIGHEST))
    assert low <= AUC[model] <= high


def test_steel_and_kruskal_wallis_order_the_models_as_printed() -> None:
    found = compare_sessions(SESSIONS, control="triphasic")
    assert found.median == {
        "triphasic": 0.84,
        "arterial-delayed": 0.81,
        "unenhanced": 0.48,
        "arterial": 0.66,
        "delayed": 0.71,
    }
    assert found.range["delayed"] == (0.67, 0.74)
    assert {name: rounded(found.steel[name].p, 3) for name in ("unenhanced", "arterial", "delayed")} == {
        "unenhanced": "0.031",
        "arterial": "0.031",
        "delayed": "0.030",
    }
    assert found.kruskal_wallis.p is not None and found.kruskal_wallis.p < 0.001


def test_no_accuracies_in_steps_of_a_hundredth_give_the_printed_0_384() -> None:
    control = (82, 83, 84, 85, 90)
    others = [(75, a, 81, b, 86) for a in range(75, 82) for b in range(81, 87)]
    distinct = {round(steel_test(control, [one])[0].statistic, 9): one for one in others}
    rest = [[39, 45, 48, 48, 60], [63, 65, 66, 66, 70], [67, 67, 71, 74, 74]]
    found = {rounded(steel_test(control, [one, *rest])[0].p, 3) for one in distinct.values()}
    assert "0.384" not in found
    assert found & {"0.382", "0.385"}


def test_permuted_labels_are_at_chance() -> None:
    rng = np.random.default_rng(0)
    patients = 400
    truth = np.repeat(rng.integers(5, size=patients), 2)
    named = rng.permutation(truth)  # as often each category as in truth, on masses that have nothing to do with it
    whose = np.repeat(np.arange(patients), 2)
    n, right = (
        np.array([np.bincount(whose, of & (truth == code), patients) for code in range(5)]).T
        for of in (np.ones(len(truth), bool), named == truth)
    )
    value = float((right.sum(axis=0) / n.sum(axis=0)).mean())
    interval = bootstrap_interval(
        lambda weights: ((weights @ right) / (weights @ n)).mean(axis=1), patients, draws=1000
    )
    assert interval.low is not None and interval.high is not None
    assert interval.low < 0.2 < interval.high
    assert interval.high - interval.low < 0.15
    assert abs(value - 0.2) < 0.05
