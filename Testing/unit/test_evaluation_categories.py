"""Categories, sessions and readers: figures as peers give them, published counts, and patients that are resampled."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image as Picture
from sklearn import metrics
from statsmodels.stats import inter_rater

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.agreement import fleiss_kappa
from HCCAssistLib.evaluation.bootstrap import bootstrap_draws
from HCCAssistLib.evaluation.by_size import accuracy_by_size
from HCCAssistLib.evaluation.categories import category_evaluation
from HCCAssistLib.evaluation.comparison import compare_sessions
from HCCAssistLib.evaluation.crop_view import GAP, CropView, crop_picture, crop_thumbnail, strip
from HCCAssistLib.evaluation.discrimination import auc
from HCCAssistLib.evaluation.group_tests import steel_test
from HCCAssistLib.evaluation.ordinal import YASAKA_2018, ordinal_auc, ordinal_scores
from HCCAssistLib.evaluation.periods import temporal
from HCCAssistLib.evaluation.sessions import SessionSpread, spreads
from HCCAssistLib.results.stamp import SYNTHETIC_MODEL
from HCCAssistLib.wording import rounded

CODES = ("A", "B", "C", "D", "E")
RNG = np.random.default_rng(7)
TRUTH = RNG.choice(CODES, 120, p=(0.3, 0.1, 0.3, 0.2, 0.1)).tolist()
SAID = [t if RNG.random() < 0.7 else str(RNG.choice(CODES)) for t in TRUTH]
PATIENTS = [f"p{n // 3:02}" for n in range(120)]


def resampled(figure, seed: int, draws: int = 40):  # type: ignore[no-untyped-def]
    """A figure of rows on each draw, from rows that are copied: what the weights of the bootstrap stand for."""
    _, patient = np.unique(PATIENTS, return_inverse=True)
    found = []

    def statistic(weights):  # type: ignore[no-untyped-def]
        found.extend(figure(np.repeat(np.arange(120), each[patient])) for each in weights.astype(int))
        return np.zeros(len(weights))

    bootstrap_draws(statistic, int(patient.max()) + 1, draws=draws, seed=seed)
    return np.array(found)


def test_each_figure_is_that_of_scikit_learn() -> None:
    found = category_evaluation(TRUTH, SAID, CODES, PATIENTS, unit="mass", draws=50)
    assert found.accuracy.value == metrics.accuracy_score(TRUTH, SAID)
    assert found.balanced_accuracy.value == pytest.approx(metrics.balanced_accuracy_score(TRUTH, SAID))
    assert found.matrix.counts == tuple(map(tuple, metrics.confusion_matrix(TRUTH, SAID, labels=CODES).tolist()))
    for code in CODES:
        own = [one == code for one in TRUTH], [one == code for one in SAID]
        each = found.by_category[code]
        assert each["sensitivity"].value == pytest.approx(metrics.recall_score(*own))
        assert each["specificity"].value == pytest.approx(metrics.recall_score(*own, pos_label=False))
        assert each["accuracy"].value == pytest.approx(metrics.accuracy_score(*own))
    assert (found.n, found.patients) == (120, 40)
    assert sum(count for *_, count, _ in found.mistakes) == sum(t != s for t, s in zip(TRUTH, SAID, strict=True))


def test_whole_patients_are_resampled_and_the_interval_says_so() -> None:
    found = category_evaluation(TRUTH, SAID, CODES, PATIENTS, unit="mass", draws=40, seed=3)
    truth, said = np.array(TRUTH), np.array(SAID)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        accuracy = resampled(lambda rows: np.mean(truth[rows] == said[rows]), 3)
        balanced = resampled(lambda rows: metrics.balanced_accuracy_score(truth[rows], said[rows]), 3)
        specific = resampled(lambda rows: np.mean(said[rows][truth[rows] != "D"] != "D"), 3)
    for interval, expected in (
        (found.accuracy.clustered, accuracy),
        (found.balanced_accuracy.interval, balanced),
        (found.by_category["D"]["specificity"].clustered, specific),
    ):
        assert interval and "patients resampled" in interval.method
        assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(expected, (0.025, 0.975))))
    alone = category_evaluation(TRUTH, SAID, CODES, None, unit="mass", draws=40)
    assert alone.accuracy.clustered is None and "masses resampled" in alone.balanced_accuracy.interval.method


def test_a_category_that_does_not_occur_has_no_sensitivity_and_is_named() -> None:
    found = category_evaluation(["A", "A", "B"], ["A", "C", "B"], ["A", "B", "C"], None, unit="mass", draws=60)
    assert found.by_category["C"]["sensitivity"].value is None
    assert found.balanced_accuracy.value == 0.75 and "C did not occur" in found.balanced_accuracy.note
    only = category_evaluation(["A", "A"], ["A", "B"], ["A", "B"], None, unit="mass", draws=60)
    assert only.no_information is None


@pytest.mark.parametrize(
    ("truth", "said", "finer", "words"),
    [
        (["A"], ["A", "B"], None, "same rows"),
        ([], [], None, "same rows"),
        (["A", "X"], ["A", "B"], None, "X: none of the categories"),
        (["A", "B"], ["A", "B"], ["low", "low"], "the subclass low stands for A and B"),
    ],
)
def test_rows_that_do_not_fit_are_refused(truth: list[str], said: list[str], finer: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        category_evaluation(truth, said, ["A", "B"], None, unit="mass", subclasses=finer, draws=20)


# Yasaka 2018, table 3: right of 21 A, 9 B, 21 hyper- and 14 hypovascular C, 20 D and 15 E, and the printed percentages.
YASAKA = {
    "triphasic": ((15, 3, 20, 13, 18, 15), ("0.71", "0.33", "0.94", "0.90", "1.00")),
    "art/del": ((15, 2, 18, 14, 18, 15), ("0.71", "0.22", "0.91", "0.90", "1.00")),
    "unenhanced": ((7, 2, 13, 6, 5, 15), ("0.33", "0.22", "0.54", "0.25", "1.00")),
    "arterial": ((11, 1, 12, 12, 15, 15), ("0.52", "0.11", "0.69", "0.75", "1.00")),
    "delayed": ((11, 3, 19, 7, 16, 15), ("0.52", "0.33", "0.74", "0.80", "1.00")),
}
SETS = (("A", "", 21), ("B", "", 9), ("C", "C-hyper", 21), ("C", "C-hypo", 14), ("D", "", 20), ("E", "", 15))


def yasaka(right: tuple[int, ...]) -> tuple[list[str], list[str], list[str]]:
    """Truth, predictions and subclasses of 100 masses; what is not right is said to be the next category."""
    truth, said, finer = [], [], []
    for (code, subclass, n), hits in zip(SETS, right, strict=True):
        other = CODES[(CODES.index(code) + 1) % 5]
        truth += [code] * n
        said += [code] * hits + [other] * (n - hits)
        finer += [subclass] * n
    return truth, said, finer


@pytest.mark.parametrize("model", YASAKA)
def test_yasaka_2018_sensitivities_by_category_and_of_hyper_and_hypovascular_masses(model: str) -> None:
    right, printed = YASAKA[model]
    truth, said, finer = yasaka(right)
    found = category_evaluation(truth, said, CODES, None, unit="patient", subclasses=finer, draws=50)
    sensitivity = [found.by_category[code]["sensitivity"] for code in CODES]
    assert tuple(rounded(one.value or 0, 2) for one in sensitivity) == printed
    finer_found = {name: (one.successes, one.n) for name, one in found.by_subclass.items()}
    assert finer_found == {"C-hyper": (right[2], 21), "C-hypo": (right[3], 14)}
    assert found.category_of == {"C-hyper": "C", "C-hypo": "C"}
    assert found.accuracy.successes == sum(right)
    if model == "delayed":  # 7 of 14, whose exact interval is known
        limits = found.by_subclass["C-hypo"].interval
        assert (limits.low, limits.high) == pytest.approx((0.2304, 0.7696), abs=5e-5)


def test_shuffled_categories_are_at_chance() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat(rng.choice(CODES, 400), 2)
    patients = np.repeat([f"p{n}" for n in range(400)], 2).tolist()
    found = category_evaluation(truth.tolist(), rng.permutation(truth).tolist(), CODES, patients, unit="mass")
    interval = found.balanced_accuracy.interval
    assert interval.low is not None and interval.high is not None
    assert interval.low < 0.2 < interval.high
    assert interval.high - interval.low < 0.15


def test_yasaka_2018_steel_p_values_come_from_sessions_with_the_printed_medians_and_ranges() -> None:
    found = compare_sessions(
        {
            "triphasic": [0.84, 0.82, 0.90, 0.83, 0.86],
            "art/del": [0.81, 0.75, 0.86, 0.80, 0.83],
            "unenhanced": [0.48, 0.39, 0.60, 0.50, 0.48],
            "arterial": [0.66, 0.63, 0.70, 0.66, 0.68],
            "delayed": [0.71, 0.67, 0.74, 0.67, 0.74],
        },
        control="triphasic",
    )
    printed = {
        "triphasic": (0.84, (0.82, 0.90)),
        "art/del": (0.81, (0.75, 0.86)),
        "unenhanced": (0.48, (0.39, 0.60)),
        "arterial": (0.66, (0.63, 0.70)),
        "delayed": (0.71, (0.67, 0.74)),
    }
    assert {name: (found.median[name], found.range[name]) for name in printed} == printed
    p = {name: rounded(test.p or 0, 3) for name, test in found.steel.items()}
    assert (p["unenhanced"], p["arterial"], p["delayed"]) == ("0.031", "0.031", "0.030")
    assert (found.steel["art/del"].p or 0) > 0.3, "as the paper's .384, which no sessions of 100 masses give"
    assert found.kruskal_wallis.p is not None and found.kruskal_wallis.p < 0.001


def test_no_accuracies_in_steps_of_a_hundredth_give_the_printed_0_384() -> None:
    control = (82, 83, 84, 85, 90)
    others = [(75, a, 81, b, 86) for a in range(75, 82) for b in range(81, 87)]
    distinct = {round(steel_test(control, [one])[0].statistic, 9): one for one in others}
    rest = [[39, 45, 48, 48, 60], [63, 65, 66, 66, 70], [67, 67, 71, 74, 74]]
    found = {rounded(steel_test(control, [one, *rest])[0].p, 3) for one in distinct.values()}
    assert "0.384" not in found
    assert found & {"0.382", "0.385"}


def test_figures_that_differ_by_the_rounding_of_a_computer_are_ties() -> None:
    one, other = [0.7, 0.6, 0.1 + 0.2], [0.3, 0.5, 0.9]
    exact = compare_sessions({"a": [0.7, 0.6, 0.3], "b": other}, control="a")
    found = compare_sessions({"a": one, "b": other}, control="a")
    assert one[2] != 0.3 and found.steel["b"].p == exact.steel["b"].p
    assert found.kruskal_wallis.p == exact.kruskal_wallis.p


# Printed numbers of A, B, C, D and E that were named right, and the confusions that the text names. The score of the
# others is not known: AUC of A-B against C-E lies between the limits that they leave.
KNOWN = {
    "triphasic": (((18, 4),), ((33, 3), (18, 2), (15, 1)), 0.92),
    "art/del": (((17, 4),), ((32, 3), (18, 2), (15, 1)), 0.88),
    "unenhanced": (((9, 4),), ((19, 3), (5, 2), (15, 1)), 0.61),
    "arterial": (((12, 4), (9, 3)), ((24, 3), (8, 4), (15, 2), (15, 1)), 0.78),
    "delayed": (((14, 4), (9, 3)), ((26, 3), (5, 4), (16, 2), (15, 1)), 0.81),
}


@pytest.mark.parametrize("model", KNOWN)
def test_yasaka_2018_auc_of_the_ordinal_score_lies_where_the_printed_counts_allow(model: str) -> None:
    positive, negative, printed = KNOWN[model]
    code_of = {4: "A", 3: "C", 2: "D", 1: "E"}

    def area(lacking: int, others: int) -> float:
        said = [code_of[score] for count, score in positive for _ in range(count)]
        said += [code_of[lacking]] * (30 - len(said))
        rest = [code_of[score] for count, score in negative for _ in range(count)]
        rest += [code_of[others]] * (70 - len(rest))
        value = ordinal_auc([1] * 30 + [0] * 70, said + rest, unit="patient").value
        assert value == pytest.approx(
            metrics.roc_auc_score([1] * 30 + [0] * 70, [YASAKA_2018[one] for one in said + rest])
        )
        assert value is not None
        return value

    assert area(1, 4) <= printed <= area(4, 1)


def test_an_auc_of_several_masses_of_a_patient_has_the_interval_of_whole_patients_beside_delongs() -> None:
    labels = np.array([one in "AB" for one in TRUTH])
    scores = np.array(ordinal_scores(SAID))
    found = ordinal_auc(labels, SAID, unit="mass", groups=PATIENTS, draws=40, seed=5)
    assert found.value == pytest.approx(metrics.roc_auc_score(labels, scores)) and found.interval.method == "DeLong"
    expected = resampled(lambda rows: metrics.roc_auc_score(labels[rows], scores[rows]), 5)
    assert found.clustered and found.clusters == 40
    assert (found.clustered.low, found.clustered.high) == pytest.approx(tuple(np.quantile(expected, (0.025, 0.975))))
    assert "4 levels; not the AUC of probabilities" in found.note
    assert auc(labels, scores, unit="mass").clustered is None


def test_agreement_of_sessions_has_the_interval_of_whole_patients() -> None:
    said = RNG.choice(5, (120, 5), p=(0.6, 0.1, 0.1, 0.1, 0.1))
    table = np.stack([(said == code).sum(axis=1) for code in range(5)], axis=1)
    found = fleiss_kappa(table, unit="mass", groups=PATIENTS, reader="session", draws=40, seed=2)
    assert found.value == pytest.approx(inter_rater.fleiss_kappa(table)) and found.note == "5 sessions"
    expected = resampled(lambda rows: inter_rater.fleiss_kappa(table[rows]), 2)
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(np.quantile(expected, (0.025, 0.975))))
    with pytest.raises(InputError, match="2 patients are named for 120 rows"):
        fleiss_kappa(table, unit="mass", groups=["a", "b"])


def test_sessions_have_a_median_and_a_range_that_is_no_interval() -> None:
    accuracy, area = spreads(
        [{"accuracy": 0.84, "AUC": None}, {"accuracy": 0.90, "AUC": 0.9}, {"accuracy": 0.82, "AUC": 0.8}]
    )
    assert (accuracy.median, accuracy.range) == (0.84, (0.82, 0.90))
    assert (area.median, area.range, area.values[0]) == (pytest.approx(0.85), (0.8, 0.9), None)
    shown = accuracy.estimate(n=100, unit="mass")
    assert shown.name == "accuracy, median of 3 sessions (range 0.820 to 0.900)" and shown.interval.low is None
    assert SessionSpread("AUC", (None, None)).estimate(n=3, unit="mass").value is None
    for wrong in ([], [{"accuracy": 0.8}, {"AUC": 0.8}]):
        with pytest.raises(InputError, match="same figures"):
            spreads(wrong)
    with pytest.raises(InputError, match="infinite"):
        SessionSpread("accuracy", (float("inf"),))


def test_accuracy_by_size_leaves_out_no_mass() -> None:
    sizes = [4.0, 9.9, 10.0, 19.0, 20.0, float("nan")]
    found = accuracy_by_size([1, 0, 1, 1, 0, 1], sizes, ["a", "a", "b", "c", "d", "d"], unit="mass", draws=60)
    assert [(one.name, one.successes, one.n) for one in found] == [
        ("accuracy, below 10 mm", 1, 2),
        ("accuracy, 10 mm to below 20 mm", 2, 2),
        ("accuracy, 20 mm or more", 0, 1),
        ("accuracy, size not given", 1, 1),
    ]
    with pytest.raises(InputError, match="one decision"):
        accuracy_by_size([1, 0], sizes, None, unit="mass")
    with pytest.raises(InputError, match="0 mm or less"):
        accuracy_by_size([1, 0], [3.0, 0.0], None, unit="mass")


@pytest.mark.parametrize(
    ("years", "words"),
    [
        (("2013", "2013", "2016"), "of 2016, the other cases of the table of 2013: a temporal test set"),
        (("2013", "2016", "2015"), "of 2013 to 2016: they overlap"),
        (("", "", "2016"), ""),
        (("", "", ""), ""),
    ],
)
def test_a_table_with_years_says_whether_its_test_set_is_a_temporal_one(years: tuple[str, ...], words: str) -> None:
    cases = tuple(Case(f"c{n}", f"p{n}", "", {"year": year}, None) for n, year in enumerate(years))  # type: ignore[arg-type]
    told = temporal(Cohort(None, cases), {"c2"})
    assert words in told if words else told == ""


def test_pictures_of_a_finding_stand_side_by_side_as_they_are() -> None:
    one, other = RNG.integers(0, 256, (2, 7, 7), dtype=np.uint8)
    view = CropView({"arterial": one, "delayed": other}, 48.4, stamp="SYNTHETIC")
    found = np.asarray(Picture.open(io.BytesIO(crop_thumbnail(view))))
    assert np.array_equal(found[:, :7], one) and np.array_equal(found[:, 7 + GAP :], other)
    assert np.array_equal(found, strip(view))
    assert "synthetic case" in view.caption and "48 mm" in view.caption and "arterial, delayed" in view.caption
    both = {"arterial": one, "delayed": other}
    assert "by a model that learnt from synthetic cases alone" in CropView(both, 48.4, SYNTHETIC_MODEL).caption
    views = [CropView(both, *how) for how in ((48.4, "SYNTHETIC"), (48.4, ""), (24.2, ""))]
    large = [np.asarray(Picture.open(io.BytesIO(crop_picture(view)))) for view in views]
    assert large[0].shape == (30 + 4 * 7, 2 * 28 + 4 * GAP)
    assert (large[0] != large[1]).any() and (large[1] != large[2]).any(), "a phantom says so, and the scale bar tells"


def test_large_pictures_of_squares_of_several_sizes_are_shown_as_they_are_and_small_in_a_table() -> None:
    seen = RNG.integers(0, 256, (2, 224, 224), dtype=np.uint8)
    view = CropView({"slice 4": seen[0], "slice 5": seen[1]}, (24.2, 60.0))
    assert "24 / 60 mm from side to side" in view.caption
    assert np.asarray(Picture.open(io.BytesIO(crop_picture(view)))).shape == (30 + 224, 2 * 224 + 4 * GAP)
    small = np.asarray(Picture.open(io.BytesIO(crop_thumbnail(view))))
    assert small.shape == (75, 2 * 75 + GAP) and abs(small[0, 0] - seen[0, :3, :3].mean()) <= 1
    with pytest.raises(ValueError, match="2 pictures do not have 1 sides"):
        _ = CropView(view.pictures, (24.2,)).caption
