"""What the response has to do with the tumours: the paper's shares, a known strength, and what simple measures tell."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.liver.tumour_features import measure
from HCCAssistLib.phantoms.tace.evidence import (
    MEASURES,
    Tumours,
    fitted_scores,
    patient_auc,
    rule_scores,
    transferred_scores,
    tumour_auc,
    tumours_in,
    tumours_of,
)
from HCCAssistLib.phantoms.tace.looks import LOADINGS, draw_looks
from HCCAssistLib.phantoms.tace.scores import ALIKE, RESPONSES, STRENGTH, Scores, limits, response_of

PATIENTS, DRAWS = 400, 300


def _scores(strength: float, tumours: int = 2) -> tuple[list[str], list[Scores]]:
    responses = [response_of(1, number) for number in range(PATIENTS)]
    rng = np.random.default_rng(1)
    return responses, [Scores.draw(rng, response, tumours, strength) for response in responses]


def _looks(strength: float) -> Tumours:
    """The looks themselves as measures: what a network without any error could see."""
    responses, scores = _scores(strength)
    rng = np.random.default_rng(2)
    looks = [draw_looks(rng, score, 40.0) for one in scores for score in one.tumours]
    columns = np.array([[getattr(one, name) for name in (*LOADINGS, "mean_hu", "mean_hu")] for one in looks])
    return Tumours(columns, np.repeat(responses, 2), np.repeat([f"p{n}" for n in range(PATIENTS)], 2))


@pytest.mark.parametrize("cases", [60, 400])
def test_a_cohort_has_the_shares_of_the_paper(cases: int) -> None:
    found = [response_of(5, number) for number in range(cases)]
    for response, count in RESPONSES.items():
        assert found.count(response) / cases == pytest.approx(count / 562, abs=0.04 if cases == 60 else 0.012)
    assert found == [response_of(5, number) for number in range(cases)]
    assert {response_of(6, number) for number in range(4)} == set(RESPONSES)


def test_the_classes_divide_the_latent_scale_from_progress_to_complete_response() -> None:
    ends = [limits(response) for response in ("PD", "SD", "PR", "CR")]
    assert (ends[0][0], ends[-1][1]) == (0.0, 1.0)
    assert all(one[1] == pytest.approx(other[0]) for one, other in pairwise(ends))
    responses, scores = _scores(1.0)
    means = [np.mean([s.latent for s, of in zip(scores, responses, strict=True) if of == r]) for r in RESPONSES]
    assert means == sorted(means, reverse=True)


@pytest.mark.parametrize("strength", [0.0, 0.5, STRENGTH])
def test_scores_hold_as_much_of_the_response_as_the_strength_says(strength: float) -> None:
    _, scores = _scores(strength)
    latent, patient = (np.array([getattr(one, name) for one in scores]) for name in ("latent", "patient"))
    first, second = np.array([one.tumours for one in scores]).T
    assert np.corrcoef(latent, patient)[0, 1] == pytest.approx(strength, abs=0.11)
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(ALIKE, abs=0.05)
    for values in (latent, patient, first):
        assert (values.mean(), values.std()) == pytest.approx((0, 1), abs=0.11)


def test_with_strength_0_nothing_of_the_looks_tells_the_response() -> None:
    tumours = _looks(0.0)
    found = tumour_auc(tumours, fitted_scores(tumours), "all", draws=DRAWS)
    assert found.clustered is not None and found.clustered.low is not None and found.clustered.high is not None
    assert found.clustered.low < 0.5 < found.clustered.high
    for number in range(len(LOADINGS)):
        assert tumour_auc(tumours, rule_scores(tumours, MEASURES[number]), "one", draws=DRAWS).value < 0.58


def test_the_looks_tell_the_response_and_size_and_mean_do_not() -> None:
    tumours = _looks(STRENGTH)
    scores = fitted_scores(tumours)
    of_tumours, of_patients = (
        tumour_auc(tumours, scores, "tumours", draws=DRAWS),
        patient_auc(tumours, scores, "patients"),
    )
    assert 0.85 < of_tumours.value < 0.96
    assert of_tumours.value < of_patients.value < 0.97
    assert (of_tumours.n, of_tumours.clusters, of_patients.n) == (2 * PATIENTS, PATIENTS, PATIENTS)
    assert tumour_auc(tumours, rule_scores(tumours, "mean_hu"), "mean", draws=DRAWS).value < 0.58


def test_permuted_responses_are_those_of_patients_and_tell_nothing() -> None:
    tumours = _looks(STRENGTH)
    dealt = tumours.permuted(3)
    assert np.array_equal(dealt.responses[::2], dealt.responses[1::2])
    assert sorted(dealt.responses) == sorted(tumours.responses)
    assert not np.array_equal(dealt.responses, tumours.responses)
    assert tumour_auc(dealt, fitted_scores(dealt), "permuted", draws=DRAWS).value == pytest.approx(0.5, abs=0.1)


def test_a_rule_is_turned_to_the_side_that_suits_it() -> None:
    tumours = _looks(STRENGTH)
    for number in range(len(MEASURES)):
        assert tumour_auc(tumours, rule_scores(tumours, MEASURES[number]), "rule", draws=DRAWS).value >= 0.5


def test_scores_of_another_cohort_come_from_the_first_as_it_is() -> None:
    tumours = _looks(STRENGTH)
    scores = transferred_scores(tumours, tumours)
    half = Tumours(tumours.measures[:50], tumours.responses[:50], tumours.patients[:50])
    np.testing.assert_allclose(transferred_scores(tumours, half), scores[:50])
    assert tumour_auc(tumours, scores, "all", draws=DRAWS).value > 0.85
    none = tumours.objective == 0
    part = Tumours(tumours.measures[none], tumours.responses[none], tumours.patients[none])
    with pytest.raises(InputError, match="the same objective response"):
        transferred_scores(part, tumours)


def test_too_few_patients_of_a_kind_are_said() -> None:
    tumours = _looks(STRENGTH)
    part = np.isin(tumours.patients, tumours.patients[tumours.objective == 1][:6])
    few = replace(
        tumours, measures=tumours.measures[part], responses=tumours.responses[part], patients=tumours.patients[part]
    )
    with pytest.raises(InputError, match="0 patients with or without"):
        fitted_scores(few)


@pytest.mark.parametrize("function", [tumours_in, tumours_of])
def test_no_cases_are_said(function) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="no such cases"):
        function([])


def _ball(spacing: tuple[float, float, float] = (0.9, 0.9, 2.0)) -> tuple[Image, Image, np.ndarray, np.ndarray]:
    """A ball of 30 mm of 100 HU in a liver of 60 HU, with its grid and its depth in mm."""
    grid = Geometry.from_parts((24, 50, 50), spacing, (0, 0, 0))
    k, j, i = np.indices(grid.shape)
    away = np.linalg.norm(grid.to_world(np.stack([i, j, k], -1)) - grid.center, axis=-1)
    hu = np.where(away < 15, 100.0, 60.0)
    return Image(hu, grid, "ct"), Image((away < 15).astype(np.uint8), grid, "ball"), away, hu


def test_measures_are_those_that_were_put_in() -> None:
    image, mask, away, hu = _ball()
    plain = measure(image, mask)
    assert (plain.fine_hu, plain.coarse_hu, plain.rim_hu) == pytest.approx((0, 0, 0), abs=1e-3)
    assert (plain.necrotic, plain.shunted, plain.mean_hu) == (0, 0, 100)
    assert np.exp(plain.log_volume) == pytest.approx(4 / 3 * np.pi * 1.5**3, rel=0.03)
    rim = measure(image.with_array(np.where((away < 15) & (away > 12.5), 60.0, hu), "rim"), mask)
    assert rim.rim_hu < -25
    dark = measure(image.with_array(np.where(away < 9, 15.0, hu), "necrosis"), mask)
    assert dark.necrotic == pytest.approx(0.6**3, rel=0.4)
    bright = hu.copy()
    bright[:, 20:26, 24:28] = 250
    assert 0.02 < measure(image.with_array(bright, "shunt"), mask).shunted < 0.12
    rng = np.random.default_rng(0)
    assert measure(image.with_array(hu + 20 * rng.standard_normal(hu.shape), "noise"), mask).fine_hu > 5


def test_what_surrounds_a_tumour_is_not_measured() -> None:
    image, mask, away, hu = _ball()
    other = image.with_array(np.where(away < 15, hu, -100.0), "in fat")
    assert measure(other, mask) == measure(image, mask)


def test_an_empty_segment_is_refused() -> None:
    image, mask, _, _ = _ball()
    with pytest.raises(InputError, match="empty"):
        measure(image, replace(mask, array=np.zeros_like(mask.array)))


def test_one_voxel_and_a_tumour_at_the_border_can_be_measured() -> None:
    image, mask, _, _ = _ball()
    array = np.zeros_like(mask.array)
    array[0, 0, 0] = 1
    found = measure(image, replace(mask, array=array))
    assert (found.mean_hu, found.fine_hu) == (60, 0)
