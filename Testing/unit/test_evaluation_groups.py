"""Group tests, agreement, baseline table and comparisons against R, textbooks and brute force."""

from __future__ import annotations

import csv
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from imaging_samples import rotation
from scipy import stats

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.agreement import agreement_table, cohen_kappa, dice, fleiss_kappa, surface_distances
from HCCAssistLib.evaluation.baseline_table import baseline_table
from HCCAssistLib.evaluation.comparison import compare_models, compare_sessions
from HCCAssistLib.evaluation.discrimination import auc
from HCCAssistLib.evaluation.fisher import fisher_exact
from HCCAssistLib.evaluation.group_tests import (
    chi_square,
    kruskal_wallis,
    mann_whitney,
    mcnemar,
    n_minus_1_chi_square,
    one_way_anova,
    steel_test,
    welch_t,
)
from HCCAssistLib.evaluation.ordinal import ordinal_auc
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.results.cutoff import CutOff

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

# R's airquality: Ozone by Month, missing values left out.
OZONE = (
    [41, 36, 12, 18, 28, 23, 19, 8, 7, 16, 11, 14, 18, 14, 34, 6, 30, 11, 1, 11, 4, 32, 23, 45, 115, 37],
    [29, 71, 39, 23, 21, 37, 20, 12, 13],
    [135, 49, 32, 64, 40, 77, 97, 97, 85, 10, 27, 7, 48, 35, 61, 79, 63, 16, 80, 108, 20, 52, 82, 50, 64, 59],
    [39, 9, 16, 78, 35, 66, 122, 89, 110, 44, 28, 65, 22, 59, 23, 31, 44, 21, 9, 45, 168, 73, 76, 118, 84, 85],
    [96, 78, 73, 91, 47, 32, 20, 23, 21, 24, 44, 21, 28, 9, 13, 46, 18, 13, 24, 16, 13, 23, 36, 7, 14, 30, 14, 18, 20],
)


def test_lim_2023_sex_is_the_n_minus_1_chi_square() -> None:
    test = n_minus_1_chi_square([[29, 5], [31, 9]])
    assert test.p == pytest.approx(0.396805, abs=5e-7)
    assert chi_square([[29, 5], [31, 9]]).p == pytest.approx(0.3934, abs=2e-3), "Pearson would print 0.39"
    with pytest.raises(InputError, match="2 x 2"):
        n_minus_1_chi_square([[1, 2, 3], [4, 5, 6]])


def test_yasaka_2018_scanner_is_the_exact_fisher_test() -> None:
    assert fisher_exact([[6, 15], [3, 6], [11, 24], [3, 17], [6, 9]]).p == pytest.approx(0.54528, abs=5e-6)


def test_fisher_equals_scipy_on_2_x_2_and_does_not_care_for_orientation() -> None:
    rng = np.random.default_rng(0)
    for table in rng.integers(0, 12, size=(30, 2, 2)):
        if min(table.sum(0).min(), table.sum(1).min()) > 0:
            assert fisher_exact(table).p == pytest.approx(stats.fisher_exact(table).pvalue)
    table = np.array([[3, 0, 2], [1, 5, 1]])
    assert fisher_exact(table).p == pytest.approx(fisher_exact(table.T[::-1]).p)


def test_fisher_of_a_3_x_3_table_equals_brute_force() -> None:
    table = np.array([[4, 1, 0], [1, 3, 1], [0, 1, 4]])
    rows, columns = table.sum(axis=1), table.sum(axis=0)

    def weight(cells: np.ndarray) -> float:
        return 1 / math.prod(math.factorial(int(c)) for c in cells.ravel())

    total = extreme = 0.0
    for a, b, c, d in itertools.product(range(6), repeat=4):
        full = np.array([[a, b, rows[0] - a - b], [c, d, rows[1] - c - d], [0, 0, 0]])
        full[2] = columns - full[0] - full[1]
        if (full >= 0).all():
            total += weight(full)
            extreme += weight(full) * (weight(full) <= weight(table) * (1 + 1e-7))
    assert fisher_exact(table).p == pytest.approx(extreme / total)


def test_fisher_refuses_what_it_cannot_enumerate_instead_of_simulating() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="too many relatives"):
        fisher_exact(rng.integers(5, 9, size=(8, 8)))
    with pytest.raises(InputError, match="nothing to compare"):
        fisher_exact([[3, 4], [0, 0]])


def test_yasaka_2018_steel_p_values() -> None:
    control = [90, 84, 82, 83, 85]
    separated, one_pair, two_pairs = [71, 72, 73, 74, 75], [71, 71, 73, 74, 75], [71, 71, 73, 73, 75]
    p = [test.p for test in steel_test(control, [separated, one_pair, two_pairs, separated])]
    assert p == pytest.approx([0.0317, 0.0310, 0.0303, 0.0317], abs=5e-5)


def test_steel_with_one_sample_is_the_plain_rank_test_and_with_many_a_multivariate_normal() -> None:
    a, b = [1.0, 4, 6, 8, 9, 3], [5.0, 7, 10, 12, 2]
    plain = stats.mannwhitneyu(a, b, method="asymptotic", use_continuity=False).pvalue
    assert steel_test(a, [b])[0].p == pytest.approx(plain)
    three = steel_test(a, [b, b[:4], b[:3]])[0]
    loadings = np.sqrt([len(x) / (len(x) + len(a)) for x in (b, b[:4], b[:3])])
    covariance = np.outer(loadings, loadings)
    np.fill_diagonal(covariance, 1)
    draws = np.random.default_rng(0).multivariate_normal(np.zeros(3), covariance, 400_000)
    assert three.p == pytest.approx((np.abs(draws).max(axis=1) >= abs(three.statistic)).mean(), abs=3e-3)


def test_kruskal_wallis_equals_r_on_airquality() -> None:
    test = kruskal_wallis(OZONE)
    assert test.statistic == pytest.approx(29.266576, abs=5e-6)
    assert test.p == pytest.approx(6.9007e-06, abs=5e-10)
    assert (test.degrees_of_freedom, test.n) == (4, 116)


def test_mann_whitney_is_exact_without_ties_and_says_so() -> None:
    test = mann_whitney([19, 22, 16, 29, 24], [20, 11, 17, 12])
    assert (test.statistic, test.p) == (17, pytest.approx(1 / 9))
    assert "exact" in test.name
    assert "normal approximation" in mann_whitney([1, 2, 2], [2, 3, 4]).name


def test_tests_without_variance_give_reasons() -> None:
    assert mann_whitney([1, 1], [1, 1]).reason
    assert kruskal_wallis([[2, 2], [2, 2]]).reason
    assert welch_t([1], [2, 3]).reason
    assert one_way_anova([[1, 1], [2, 2]]).reason
    assert mcnemar(0, 0, 12, unit="patch").reason
    with pytest.raises(InputError, match="missing"):
        mann_whitney([1, float("nan")], [2, 3])


def test_mcnemar_is_the_binomial_test_of_discordant_pairs() -> None:
    assert mcnemar(1, 9, 100, unit="patch").p == pytest.approx(2 * (1 + 10) / 2**10)


def test_kappa_and_its_interval() -> None:
    kappa = cohen_kappa([[20, 5], [10, 15]], unit="lesion")
    assert kappa.value == pytest.approx(0.4)
    assert (kappa.interval.low, kappa.interval.high) == pytest.approx((0.151, 0.649), abs=5e-4)
    from sklearn.metrics import cohen_kappa_score

    first, second = list("abcabcaab"), list("abcabbacb")
    assert cohen_kappa(agreement_table(first, second), unit="x").value == pytest.approx(
        cohen_kappa_score(first, second)
    )


def test_fleiss_kappa_of_wikipedias_example() -> None:
    pytest.importorskip("statsmodels", reason="SKIPPED: statsmodels is not installed")
    table = [[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
             [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]]  # fmt: skip
    assert fleiss_kappa(table, unit="subject").value == pytest.approx(0.2099307, abs=5e-8)
    with pytest.raises(InputError, match="same number of readers"):
        fleiss_kappa([[2, 1], [1, 1]], unit="subject")


def test_dice_and_surface_distances_equal_simpleitk_on_anisotropic_voxels() -> None:
    import SimpleITK as sitk

    a, b = np.zeros((12, 20, 30), dtype=bool), np.zeros((12, 20, 30), dtype=bool)
    a[2:7, 4:11, 5:22] = True
    b[3:9, 6:12, 3:18] = True
    b[4, 6, 18:24] = True
    spacing = (0.7, 0.9, 3.0)
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (a, b)]
    for image in images:
        image.SetSpacing(spacing)
    overlap, hausdorff = sitk.LabelOverlapMeasuresImageFilter(), sitk.HausdorffDistanceImageFilter()
    overlap.Execute(*images)
    hausdorff.Execute(*images)
    assert dice(a, b) == pytest.approx(overlap.GetDiceCoefficient())
    distances = surface_distances(a, b, spacing)
    assert distances is not None
    assert distances.hausdorff == pytest.approx(hausdorff.GetHausdorffDistance(), rel=1e-5)
    assert distances.mean <= distances.hausdorff_95 <= distances.hausdorff


@pytest.mark.parametrize("directions", [np.eye(3), rotation(20, -30, 10), rotation(20, -30, 10) @ np.diag((1, 1, -1))])
def test_simpleitk_measures_no_surface_within_the_other_mask(directions: np.ndarray) -> None:
    """Why distances of surfaces are not its: decision 9."""
    import SimpleITK as sitk

    spacing = (0.7, 1.1, 2.5)
    box = np.zeros((30, 40, 50), bool)
    box[10:20, 10:30, 10:40] = True
    hollow, spur = box.copy(), box.copy()
    hollow[14:16, 18:22, 22:28] = False
    spur[20:28, 19:21, 25:27] = True
    for other, within, between in ((spur, 20.0, 20.0), (hollow, 2.1, 7.7)):
        images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (box, other)]
        for image in images:
            image.SetSpacing(spacing)
            image.SetDirection(directions.ravel().tolist())
        hausdorff = sitk.HausdorffDistanceImageFilter()
        hausdorff.Execute(*images)
        distances = surface_distances(box, other, spacing)
        assert distances is not None
        assert hausdorff.GetHausdorffDistance() == pytest.approx(within, abs=1e-6)
        assert distances.hausdorff == pytest.approx(between, abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_surface_distances_equal_monai_on_random_masks_with_anisotropic_voxels(seed: int) -> None:
    """MONAI takes the spacing in the order of the array ``[k, j, i]``, we take ``(i, j, k)``."""
    monai = pytest.importorskip("monai.metrics", reason="SKIPPED: monai is not installed")
    import torch
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    rng = np.random.default_rng(seed)
    shape, spacing = (9, 14, 21), (0.7, 1.3, 4.0)
    a, b = (gaussian_filter(rng.normal(size=shape), 1.5) > 0.05 for _ in "ab")
    if seed == 5:  # one voxel each, at two corners
        a, b = np.zeros(shape, bool), np.zeros(shape, bool)
        a[0, 0, 0] = b[-1, 2, -1] = True
    tensors = [torch.from_numpy(mask[None, None].astype(np.float32)) for mask in (a, b)]
    options = {"include_background": True, "spacing": list(spacing[::-1])}
    distances = surface_distances(a, b, spacing)
    assert distances is not None
    assert distances == surface_distances(a, b, Geometry.from_parts(shape, spacing, directions=np.diag((1, -1, 1))))
    for ours, percentile in ((distances.hausdorff, None), (distances.hausdorff_95, 95)):
        theirs = monai.compute_hausdorff_distance(*tensors, percentile=percentile, **options)
        assert ours == pytest.approx(float(theirs), rel=1e-5)
    theirs = monai.compute_average_surface_distance(*tensors, symmetric=True, **options)
    assert distances.mean == pytest.approx(float(theirs), rel=1e-5)
    # The definitions of medpy, spelled out without a library for surfaces.
    directed = []
    for one, other in ((a, b), (b, a)):
        padded = [np.pad(mask, 1) for mask in (one, other)]
        neighbours = [
            np.logical_and.reduce([np.roll(mask, step, axis) for axis in range(3) for step in (1, -1)])
            for mask in padded
        ]
        surface = [mask & ~around for mask, around in zip(padded, neighbours, strict=True)]
        directed.append(distance_transform_edt(~surface[1], sampling=spacing[::-1])[surface[0]])
    assert distances.hausdorff_95_pooled == pytest.approx(np.percentile(np.hstack(directed), 95))
    assert distances.mean_of_directions == pytest.approx((directed[0].mean() + directed[1].mean()) / 2)


def test_the_two_definitions_of_hd95_differ_where_one_mask_has_a_spur() -> None:
    a, b = np.zeros((3, 40, 40), dtype=bool), np.zeros((3, 40, 40), dtype=bool)
    a[1, :30, :30] = b[1, :30, :30] = True
    b[1, 10:16, 30:] = True  # 60 of 960 surface voxels: more than 5 % of one direction, less of both together
    distances = surface_distances(a, b, (1.0, 1.0, 5.0))
    assert distances is not None
    assert distances.hausdorff_95_pooled == 0.0
    assert 0.0 < distances.hausdorff_95 < distances.hausdorff == 10.0


def test_a_spacing_in_the_order_of_the_array_is_another_result_and_a_wrong_grid_is_refused() -> None:
    a, b = np.zeros((4, 6, 8), dtype=bool), np.zeros((4, 6, 8), dtype=bool)
    a[0, 2, 2] = b[2, 2, 2] = True  # two slices apart
    assert surface_distances(a, b, (0.7, 0.7, 5.0)).hausdorff == 10.0  # type: ignore[union-attr]
    assert surface_distances(a, b, (5.0, 0.7, 0.7)).hausdorff == 1.4  # type: ignore[union-attr]
    with pytest.raises(InputError, match="grid"):
        surface_distances(a, b, Geometry.from_parts((8, 6, 4), (0.7, 0.7, 5.0)))
    for wrong in ((1.0, 1.0), (1.0, 0.0, 1.0), (1.0, math.inf, 1.0), (1.0, math.nan, 1.0)):
        with pytest.raises(InputError, match="spacing"):
            surface_distances(a, b, wrong)


def test_surface_distances_of_two_plates_are_their_gap() -> None:
    a, b = np.zeros((10, 6, 5), dtype=bool), np.zeros((10, 6, 5), dtype=bool)
    a[1], b[5] = True, True
    distances = surface_distances(a, b, (1.0, 1.0, 2.5))
    assert distances is not None
    assert distances.mean == distances.hausdorff == distances.hausdorff_95 == 10.0
    assert surface_distances(a, np.zeros_like(a), (1, 1, 1)) is None


def test_the_ordinal_auc_ties_categories_of_one_level() -> None:
    truth, predicted = list("AABBCCDDEE"), list("ABBCCADEEE")
    labels = [category in "AB" for category in truth]
    figure = ordinal_auc(labels, predicted, unit="patient")
    score = {"A": 4, "B": 4, "C": 3, "D": 2, "E": 1}
    assert figure.value == auc(labels, [score[p] for p in predicted], unit="patient").value
    # 4 positives: 4, 4, 4, 3; 6 negatives: 3, 4, 2, 1, 1, 1 -> (3 * 5.5 + 4.5) / 24
    assert figure.value == pytest.approx(21 / 24)
    assert "4 levels" in figure.note
    with pytest.raises(InputError, match="F"):
        ordinal_auc([1], ["F"], unit="patient")


def test_the_baseline_table_names_each_test_and_why() -> None:
    rng = np.random.default_rng(1)
    groups = {
        name: {
            "age": list(rng.normal(60, 8, 40)),
            "AFP": [*list(np.exp(rng.normal(3, 2, 38))), None, float("nan")],
            "sex": ["m"] * men + ["f"] * (40 - men),
            "grade": [1] * rare + [2] * (40 - rare),
        }
        for name, men, rare in (("early recurrence", 30, 2), ("none", 25, 5))
    }
    table = baseline_table(groups, categorical=["grade"])
    age, afp, sex, grade = table.rows
    assert age.test is not None and age.test.name == "Welch t test" and "Shapiro-Wilk" in age.why
    assert afp.test is not None and afp.test.name.startswith("Mann-Whitney")
    assert afp.missing == (2, 2) and afp.numbers[0]["n"] == 38
    assert sex.test is not None and sex.test.name.startswith("Pearson chi-square")
    assert grade.test is not None and grade.test.name.startswith("Fisher") and "below 5" in grade.why
    assert sex.cells[sex.levels.index("m")] == ("30 (75.0)", "25 (62.5)")
    assert len({len(line) for line in table.printed} | {len(table.columns)}) == 1
    forced = baseline_table(groups, categorical=["grade"], tests={"sex": "n-1 chi-square"})
    assert forced.rows[2].test is not None and forced.rows[2].test.name == "N - 1 chi-square test"
    with pytest.raises(InputError, match="does not fit"):
        baseline_table(groups, tests={"age": "fisher"})


def test_a_table_too_large_for_fisher_falls_back_to_chi_square_and_says_so() -> None:
    rng = np.random.default_rng(0)
    groups = {f"centre {i}": {"code": list(rng.integers(0, 8, 45))} for i in range(8)}
    groups["centre 0"]["code"][:3] = [9, 9, 9]
    row = baseline_table(groups, categorical=["code"]).rows[0]
    assert row.test is not None and row.test.name.startswith("Pearson")
    assert "too many relatives" in row.why


def test_the_baseline_table_of_lim_2023_comes_out() -> None:
    def column(counts: tuple[int, ...]) -> list[str]:
        return [cause for cause, n in zip(("HBV", "HCV", "alcohol", "other"), counts, strict=True) for _ in range(n)]

    groups = {"LTP": {"cause": column((25, 1, 5, 3))}, "no LTP": {"cause": column((23, 5, 6, 6))}}
    row = baseline_table(groups).rows[0]
    assert row.test is not None and row.test.name.startswith("Fisher")
    assert row.test.p == pytest.approx(0.3679, abs=5e-5)


@pytest.mark.shared
def test_a_real_table_with_missing_values_is_described_whole() -> None:
    path = SHARED / "hcc_uci165" / "hcc-data.txt"
    if not path.exists():
        pytest.skip("SKIPPED: ../shared/data/hcc_uci165/hcc-data.txt not found")
    with path.open(encoding="utf-8") as file:
        rows = [[None if cell in ("?", "") else float(cell) for cell in line] for line in csv.reader(file)]
    groups = {
        name: {str(column): [row[column] for row in rows if row[-1] == outcome] for column in range(49)}
        for name, outcome in (("died", 0.0), ("lived", 1.0))
    }
    codes = [str(c) for c in range(49) if len({row[c] for row in rows} - {None}) <= 5]
    table = baseline_table(groups, categorical=codes)
    assert table.sizes == (63, 102)
    missing = sum(sum(row.missing) for row in table.rows)
    assert missing == sum(cell is None for row in rows for cell in row) == round(0.1022 * 165 * 49)
    assert all(row.test is not None and row.test.p is not None for row in table.rows)
    assert {row.test.name.split()[0] for row in table.rows if row.test} >= {"Fisher", "Pearson", "Mann-Whitney"}


def test_two_models_are_compared_on_patients() -> None:
    rng = np.random.default_rng(6)
    groups = np.repeat(np.arange(40), 10)
    labels = rng.random(400) < 0.4
    good, poor = labels + rng.normal(0, 0.7, 400), 0.3 * labels + rng.normal(0, 0.7, 400)
    result = compare_models(
        labels, good, poor, groups, cutoff_a=CutOff(0.5, "a"), cutoff_b=CutOff(0.15, "b"), unit="patch", draws=2000
    )
    by_name = {figure.name: figure for figure in result.differences}
    difference = by_name["difference of AUC"]
    areas = [auc(labels, scores, unit="patch").value for scores in (good, poor)]
    assert difference.value == pytest.approx(areas[0] - areas[1])
    assert 0 < difference.interval.low < difference.value < difference.interval.high
    assert "patients resampled" in difference.interval.method
    right = [((good >= 0.5) == labels), ((poor >= 0.15) == labels)]
    assert by_name["difference of accuracy"].value == pytest.approx(right[0].mean() - right[1].mean())
    assert result.mcnemar.details["only_first_right"] == (right[0] & ~right[1]).sum()
    assert result.delong.p < 0.001


def test_repeated_sessions_are_compared_with_the_control() -> None:
    result = compare_sessions(
        {
            "triphasic": [0.90, 0.84, 0.82, 0.83, 0.85],
            "arterial": [0.66, 0.63, 0.70, 0.65, 0.67],
            "unenhanced": [0.48, 0.39, 0.60, 0.45, 0.50],
        },
        control="triphasic",
    )
    assert result.median == {"triphasic": 0.84, "arterial": 0.66, "unenhanced": 0.48}
    assert result.range["arterial"] == (0.63, 0.70)
    assert set(result.steel) == {"arterial", "unenhanced"}
    assert result.kruskal_wallis.p < 0.01
