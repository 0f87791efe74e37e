"""What recurrence after ablation has to do with values, tumour and zone: designed figures, and margins by formula."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.concordance import Concordance
from HCCAssistLib.evaluation.discrimination import auc
from HCCAssistLib.phantoms.ablation.cases import PHANTOMS, draw_lesions
from HCCAssistLib.phantoms.ablation.clinical import MISSING, WEIGHTS, Clinical
from HCCAssistLib.phantoms.ablation.lesions import Lesions
from HCCAssistLib.phantoms.ablation.looks import MARGIN_MM, draw_tumour_looks, draw_zone_looks
from HCCAssistLib.phantoms.ablation.scores import MODELS, RECURRENCE, STRENGTH, Scores, correlation_of, model_targets
from HCCAssistLib.phantoms.ablation.true_margin import SurfacePoints, true_margin
from HCCAssistLib.phantoms.liver.irregular_ellipsoid import IrregularEllipsoid
from HCCAssistLib.phantoms.recurrence_patients import Patients, fitted_scores
from HCCAssistLib.phantoms.recurrence_targets import targets
from HCCAssistLib.recipes.ablation.recipe import ABLATION, OUTCOME

pytestmark = pytest.mark.slow

PATIENTS = 2000
WIDE = 3.3
"""Standard errors within which a figure of so many patients lies: by chance one in a thousand does not."""


@pytest.fixture(scope="module")
def drawn() -> list[Scores]:
    return [Scores.draw((12, number)) for number in range(PATIENTS)]


@pytest.fixture(scope="module")
def values(drawn: list[Scores]) -> list[Clinical]:
    return [Clinical.draw((12, number), one.clinical) for number, one in enumerate(drawn)]


@pytest.fixture(scope="module")
def lesions() -> list[Lesions]:
    found = []
    for number in range(12):
        scores = Scores.draw((4, number))
        found.append(draw_lesions((4, number), scores, Clinical.draw((4, number), scores.clinical)))
    return found


def _auc(drawn: list[Scores], scores: np.ndarray) -> tuple[float, float]:
    known = np.array([one.early is not None for one in drawn])
    found = auc([bool(one.early) for one in drawn if one.early is not None], scores[known], unit="patient")
    assert found.value is not None and found.interval.low is not None
    return found.value, (found.value - found.interval.low) / 1.96


def _patients(drawn: list[Scores], measures: np.ndarray) -> Patients:
    return Patients(measures, np.array([one.months for one in drawn]), np.array([one.event for one in drawn]), OUTCOME)


def test_the_figures_are_designed_and_rise_from_values_to_the_fullest_model() -> None:
    found = model_targets()
    assert [found[model].auc for model in MODELS] == pytest.approx((0.630, 0.685, 0.856, 0.883), abs=0.001)
    assert [found[model].c_index for model in MODELS] == pytest.approx((0.607, 0.652, 0.801, 0.826), abs=0.001)
    assert set(MODELS) == {"pre", "prepost", "clinical", "dl_clinical"}
    assert (found["pre"].early, found["pre"].unknown) == pytest.approx((0.397, 0.100), abs=0.001)


@pytest.mark.parametrize("model", list(MODELS))
def test_drawn_patients_come_to_the_designed_figures(drawn: list[Scores], model: str) -> None:
    wanted, scores = model_targets()[model], np.array([one.of_model(model) for one in drawn])
    found, error = _auc(drawn, scores)
    assert error < 0.015 and abs(found - wanted.auc) < WIDE * error
    risk = np.array([one.risk for one in drawn])
    assert np.corrcoef(scores, risk)[0, 1] == pytest.approx(correlation_of(model), abs=WIDE / np.sqrt(PATIENTS))
    pairs = Concordance.of([one.months for one in drawn], [one.event for one in drawn], scores)
    assert pairs.value == pytest.approx(wanted.c_index, abs=0.025)


def test_the_parts_are_independent_standard_normal_and_the_censoring_knows_none(drawn: list[Scores]) -> None:
    parts = np.array([(one.clinical, one.tumour, one.zone) for one in drawn])
    assert parts.mean(axis=0) == pytest.approx(np.zeros(3), abs=0.08)
    assert parts.std(axis=0) == pytest.approx(np.ones(3), abs=0.06)
    assert np.abs(np.corrcoef(parts.T) - np.eye(3)).max() < 0.08
    followed = [one.followed_months for one in drawn]
    for part in (*parts.T, [one.risk for one in drawn]):
        assert abs(spearmanr(followed, part).statistic) < WIDE / np.sqrt(PATIENTS)


def test_without_strength_nothing_tells() -> None:
    none = [Scores.draw((5, number), 0.0) for number in range(600)]
    for model in MODELS:
        found, error = _auc(none, np.array([one.of_model(model) for one in none]))
        assert abs(found - 0.5) < WIDE * error
        assert model_targets(0.0)[model].auc == pytest.approx(0.5)
    with pytest.raises(InputError, match=r"1\.2 is no correlation"):
        Scores.draw((1,), 1.2)


def test_a_wanted_outcome_is_drawn_and_the_same_seed_draws_the_same_patient() -> None:
    assert Scores.draw((1, 7)) == Scores.draw((1, 7)) != Scores.draw((1, 8))
    for number in range(20):
        early, late = (Scores.draw((2, number), 0.0, wanted) for wanted in (True, False))
        assert early.early is True and late.early is False and early.zone == late.zone
    for seed in range(3):
        assert {PHANTOMS.stratum(PHANTOMS.row(seed, number)) for number in (0, 1)} == {"0", "1"}


def test_values_lie_in_the_recipes_bounds_and_are_missing_as_often_as_said(values: list[Clinical]) -> None:
    for variable in ABLATION.variables:
        column = np.array([one.values[variable.column] for one in values])
        low, high = variable.bounds
        assert low <= column.min() and column.max() <= high
        share = MISSING[variable.column]
        lacking = np.mean([variable.column in one.unknown for one in values])
        assert abs(lacking - share) < WIDE * np.sqrt(share * (1 - share) / PATIENTS)
    row = next(one for one in values if one.unknown).row()
    assert "" in row.values() and set(row) == set(WEIGHTS)


def test_all_values_together_tell_what_they_can_and_size_next_to_nothing(
    drawn: list[Scores], values: list[Clinical]
) -> None:
    table = np.array([list(one.values.values()) for one in values])
    table[:, -1] = np.log(table[:, -1])
    patients = _patients(drawn, table)
    known, fitted = patients.known, fitted_scores(patients)
    found, error = _auc(drawn, np.where(known, fitted, 0.0))
    assert abs(found - model_targets()["clinical"].auc) < WIDE * error
    size, error = _auc(drawn, table[:, 0])
    assert abs(size - targets(RECURRENCE, 0.25 * 0.34 * STRENGTH).auc) < WIDE * error and size < 0.58
    dealt = patients.permuted(3)
    assert abs(auc(dealt.early[dealt.known], table[dealt.known, -1], unit="patient").value - 0.5) < 0.05  # type: ignore[operator]


def test_looks_tell_tumour_and_zone_and_sizes_and_mean_signals_do_not(drawn: list[Scores]) -> None:
    rng = np.random.default_rng(3)
    tumours, zones = ([f(rng, s) for s in np.linspace(-2, 2, 400)] for f in (draw_tumour_looks, draw_zone_looks))
    at = np.arange(400)

    def tells(looks: list, name: str) -> float:
        return float(spearmanr(at, [getattr(one, name) for one in looks]).statistic)

    assert min(tells(tumours, name) for name in ("rim", "texture", "blur_mm", "corona", "satellites")) > 0.6
    assert tells(zones, "wanted_mm") < -0.7 and min(tells(zones, name) for name in ("nodule_mm", "uneven")) > 0.7
    for name in ("unenhanced", "arterial", "portal", "delayed", "capsule"):
        assert abs(tells(tumours, name)) < 0.17
    for name in ("bright", "ghost", "rim", "rim_mm", "wedge", "beyond_mm"):
        assert abs(tells(zones, name)) < 0.17


def test_a_zone_has_the_smallest_margin_that_was_wanted(lesions: list[Lesions]) -> None:
    for one in lesions:
        assert one.margin.smallest_mm < one.zone_looks.wanted_mm + 0.15  # lumps may leave less even without a shift
        assert MARGIN_MM[0] - 0.3 < one.margin.smallest_mm < MARGIN_MM[1] + 0.2
        assert list(one.margin.under) == sorted(one.margin.under)
    as_wanted = [abs(one.margin.smallest_mm - one.zone_looks.wanted_mm) < 0.15 for one in lesions]
    assert sum(as_wanted) >= len(lesions) - 2
    assert {one.margin.smallest_mm > 0 for one in lesions} == {True, False}


def test_the_largest_and_most_tumours_find_room() -> None:
    scores = Scores.draw((6,))
    for number in range(6):
        crowded = {**Clinical.draw((6,), 0.0).values, "tumour_size_mm": 48.0, "tumour_number": 3.0}
        found = draw_lesions((6, number), scores, Clinical(crowded, ()))
        first, *others = found.tumours
        assert len(others) == 2
        for other in others:
            assert np.linalg.norm(other.center - first.center) > first.semi_axes.max() + other.semi_axes.max()


def test_points_of_a_surface_lie_on_it_and_the_margin_of_balls_is_exact(lesions: list[Lesions]) -> None:
    one = lesions[0].tumours[0]
    points = SurfacePoints.of(one, 500)
    assert np.abs(one.depth_at(points.points)).max() < 1e-5
    bare = replace(one, bump_mm=0.0, semi_axes=np.full(3, 10.0))
    wide = IrregularEllipsoid(bare.center + np.array([3.0, 0, 0]), bare.axes, np.full(3, 18.0), bare.bumps, 0.0)
    margin = true_margin(bare, wide)
    assert margin.smallest_mm == pytest.approx(5.0, abs=0.01)
    assert margin.smallest_at[0] == pytest.approx(bare.center[0] - 10, abs=0.1)
    assert margin.under[0] == 0 and margin.under[2] == pytest.approx(0.825, abs=0.05)
    areas = SurfacePoints.of(wide, 4000).areas
    assert areas.sum() == pytest.approx(4 * np.pi * 18**2, rel=1e-3)
