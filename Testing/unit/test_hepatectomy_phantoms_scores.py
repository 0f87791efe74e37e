"""What the recurrence has to do with the tumours: designed figures, who is lost, and what size tells."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.concordance import Concordance
from HCCAssistLib.evaluation.discrimination import auc
from HCCAssistLib.evaluation.survival import kaplan_meier, log_rank
from HCCAssistLib.phantoms.hepatectomy.cases import LIMITS_MM, PHANTOMS, draw_tumour
from HCCAssistLib.phantoms.hepatectomy.evidence import (
    MEASURES,
    concordance,
    early_auc,
    patients_in,
    patients_of,
)
from HCCAssistLib.phantoms.hepatectomy.looks import LOADINGS, draw_looks
from HCCAssistLib.phantoms.hepatectomy.scores import RECURRENCE, STRENGTH, Scores
from HCCAssistLib.phantoms.liver.tumour_looks import Looks
from HCCAssistLib.phantoms.recurrence import wanted_early
from HCCAssistLib.phantoms.recurrence_patients import Patients, fitted_scores, rule_scores, transferred_scores
from HCCAssistLib.phantoms.recurrence_targets import Targets, targets

PATIENTS = 1500
WIDE = 3.3
"""Standard errors within which a figure of so many patients lies: by chance one in a thousand does not."""


def expected(correlation: float = 1.0) -> Targets:
    return targets(RECURRENCE, correlation)


@pytest.fixture(scope="module")
def drawn() -> list[Scores]:
    return [Scores.draw((11, number)) for number in range(PATIENTS)]


@pytest.fixture(scope="module")
def tumours(drawn: list[Scores]) -> tuple[list[float], list[Looks]]:
    """Longest axis in mm, and looks."""
    found = [draw_tumour((11, number), one.tumour) for number, one in enumerate(drawn)]
    return [float(2 * shape.semi_axes.max()) for shape, _ in found], [looks for _, looks in found]


def _column(drawn: list[Scores], name: str) -> np.ndarray:
    return np.array([getattr(one, name) for one in drawn], dtype=float)


def _as_patients(drawn: list[Scores], measures: np.ndarray) -> Patients:
    return Patients(measures, _column(drawn, "months"), _column(drawn, "event") > 0)


def _by_looks(drawn: list[Scores], tumours: tuple[list[float], list[Looks]]) -> Patients:
    """The looks themselves as measures: what a network without any error could see."""
    sizes, looks = tumours
    columns = [[getattr(one, name) for name in (*LOADINGS, "mean_hu")] for one in looks]
    return _as_patients(drawn, np.column_stack([columns, sizes, np.zeros(len(sizes))]))


def _auc(drawn: list[Scores], scores: np.ndarray) -> tuple[float, float]:
    """AUC of early recurrence and its standard error."""
    known = np.array([one.early is not None for one in drawn])
    found = auc([bool(one.early) for one in drawn if one.early is not None], scores[known], unit="patient")
    assert found.value is not None and found.interval.low is not None
    return found.value, (found.value - found.interval.low) / 1.96


def test_the_figures_are_designed() -> None:
    best, seen = expected(), expected(STRENGTH)
    assert (best.auc, best.c_index) == pytest.approx((0.910, 0.849), abs=0.001)
    assert (seen.auc, seen.c_index) == pytest.approx((0.901, 0.840), abs=0.001)
    assert (best.early, best.unknown, best.censored) == pytest.approx((0.424, 0.097, 0.535), abs=0.001)
    assert best.early == pytest.approx(94 / 220, abs=0.01)  # of the paper
    assert (best.free_low, best.free_high) == pytest.approx((0.899, 0.301), abs=0.001)


def test_a_score_that_is_turned_round_or_tells_nothing_has_the_figures_of_one() -> None:
    best, turned, none = expected(), expected(-1.0), expected(0.0)
    assert (turned.auc, turned.c_index) == pytest.approx((1 - best.auc, 1 - best.c_index))
    assert (none.auc, none.c_index) == pytest.approx((0.5, 0.5))
    assert none.free_low == pytest.approx(none.free_high)
    assert expected(0.999).auc == pytest.approx(best.auc, abs=0.002)
    assert (turned.free_low, turned.free_high) == pytest.approx((best.free_high, best.free_low))


def test_half_of_a_mean_risk_recur_before_the_median_and_a_higher_risk_sooner() -> None:
    assert RECURRENCE.survival(0.0, RECURRENCE.median_months) == pytest.approx(0.5)
    assert RECURRENCE.recurrence_months(0.0, np.log(2)) == pytest.approx(RECURRENCE.median_months)
    np.testing.assert_allclose(
        RECURRENCE.survival([-1.0, 2.0], RECURRENCE.recurrence_months([-1.0, 2.0], 0.7)), np.exp(-0.7 * np.ones(2))
    )
    assert RECURRENCE.recurrence_months(1.0, 1.0) < RECURRENCE.recurrence_months(0.0, 1.0)


@pytest.mark.parametrize(("name", "correlation"), [("risk", 1.0), ("tumour", STRENGTH)])
def test_drawn_patients_come_to_the_designed_figures(drawn: list[Scores], name: str, correlation: float) -> None:
    wanted, scores = expected(correlation), _column(drawn, name)
    found, error = _auc(drawn, scores)
    assert error < 0.01
    assert abs(found - wanted.auc) < WIDE * error
    pairs = Concordance.of(_column(drawn, "months"), _column(drawn, "event"), scores)
    weights = np.random.default_rng(0).multinomial(PATIENTS, np.full(PATIENTS, 1 / PATIENTS), 60).astype(float)
    assert pairs.value is not None
    error = float(pairs.weighted(weights).std())
    assert error < 0.01
    assert abs(pairs.value - wanted.c_index) < WIDE * error


def test_of_300_patients_the_interval_holds_the_target_and_that_of_half_the_strength_does_not(
    drawn: list[Scores],
) -> None:
    first = drawn[:300]
    patients = _as_patients(first, np.zeros((300, len(MEASURES))))
    found = early_auc(patients, _column(first, "risk"), "risk").interval
    index = concordance(patients, _column(first, "risk"), "risk", draws=200).interval
    assert found.low is not None and found.high is not None and index.low is not None and index.high is not None
    assert found.low < expected().auc < found.high
    assert index.low < expected().c_index < index.high
    assert found.low > expected(0.5).auc and index.low > expected(0.5).c_index


def test_as_many_are_lost_and_censored_as_designed(drawn: list[Scores]) -> None:
    wanted, early = expected(), [one.early for one in drawn]
    known = PATIENTS - early.count(None)
    for found, share, n in (
        (early.count(None), wanted.unknown, PATIENTS),
        (sum(not one.event for one in drawn), wanted.censored, PATIENTS),
        (early.count(True), wanted.early, known),
    ):
        assert abs(found / n - share) < WIDE * np.sqrt(share * (1 - share) / n)
    lost = [one for one in drawn if one.early is None]
    assert all(not one.event and one.months <= 24 and one.recurrence_months > one.followed_months for one in lost)


def test_the_censoring_is_independent_of_risk_and_recurrence(drawn: list[Scores]) -> None:
    followed = _column(drawn, "followed_months")
    for name in ("risk", "recurrence_months", "tumour"):
        assert abs(spearmanr(followed, _column(drawn, name)).statistic) < WIDE / np.sqrt(PATIENTS)
    for months in (12.0, 24.0, 48.0):
        share = float(RECURRENCE.still_followed(months))
        assert abs(np.mean(followed >= months) - share) < WIDE * np.sqrt(share * (1 - share) / PATIENTS)


def test_survival_of_two_halves_is_as_designed_and_that_by_size_is_not_told_apart(
    drawn: list[Scores], tumours: tuple[list[float], list[Looks]]
) -> None:
    months, events = _column(drawn, "months"), _column(drawn, "event")

    def halves(high: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(months[part], events[part]) for part in (~high, high)]

    by_tumour = halves(_column(drawn, "tumour") > 0)
    wanted = expected(STRENGTH)
    for (times, happened), free in zip(by_tumour, (wanted.free_low, wanted.free_high), strict=True):
        found = kaplan_meier(times, happened).survival_at(24).value
        assert found == pytest.approx(free, abs=WIDE * float(np.sqrt(free * (1 - free) / len(times))))
    assert log_rank(by_tumour).p < 1e-30
    sizes = np.array(tumours[0])
    assert log_rank(halves(sizes > np.median(sizes))).p > 0.01


def test_size_and_mean_are_near_chance_and_the_looks_are_not(
    drawn: list[Scores], tumours: tuple[list[float], list[Looks]]
) -> None:
    patients = _by_looks(drawn, tumours)
    sizes, looks = tumours
    assert LIMITS_MM[0] <= min(sizes) and max(sizes) <= LIMITS_MM[1]
    for rule in (np.array(sizes), np.array([one.mean_hu for one in looks])):
        found, error = _auc(drawn, rule)
        assert abs(found - 0.5) < WIDE * error
    of_looks = early_auc(patients, fitted_scores(patients), "looks").value
    assert of_looks is not None
    assert 0.85 < of_looks < expected(STRENGTH).auc + 0.01
    for number in range(len(LOADINGS)):
        one = early_auc(patients, rule_scores(patients, number), "one look").value
        assert one is not None and 0.65 < one < of_looks
    permuted = patients.permuted(1)
    assert early_auc(permuted, fitted_scores(permuted), "permuted").value == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_a_tumour_shows_as_much_of_the_risk_as_the_strength_says(strength: float) -> None:
    weak = [Scores.draw((5, number), strength) for number in range(600)]
    risk, tumour = _column(weak, "risk"), _column(weak, "tumour")
    assert np.corrcoef(risk, tumour)[0, 1] == pytest.approx(strength, abs=0.11)
    for values in (risk, tumour):
        assert (values.mean(), values.std()) == pytest.approx((0, 1), abs=0.12)
    found, error = _auc(weak, tumour)
    assert abs(found - expected(strength).auc) < WIDE * error


def test_the_same_seed_draws_the_same_patient_whatever_the_strength() -> None:
    one, same, weak = Scores.draw((1, 7)), Scores.draw((1, 7)), Scores.draw((1, 7), 0.0)
    assert one == same != Scores.draw((1, 8))
    assert (one.risk, one.months, one.event) == (weak.risk, weak.months, weak.event)
    assert one.tumour != weak.tumour


def test_a_wanted_outcome_is_drawn_and_the_tumours_own_share_stays() -> None:
    for number in range(20):
        early, late = (Scores.draw((2, number), 0.0, wanted) for wanted in (True, False))
        assert early.early is True and late.early is False
        assert early.tumour == late.tumour


def test_a_strength_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match=r"1\.2 is no correlation"):
        Scores.draw((1,), 1.2)


@pytest.mark.parametrize("seed", range(6))
def test_the_first_two_cases_of_a_cohort_are_of_either_kind(seed: int) -> None:
    assert {wanted_early(seed, number) for number in (0, 1)} == {True, False}
    assert {PHANTOMS.stratum(PHANTOMS.row(seed, number)) for number in (0, 1)} == {"0", "1"}


def test_a_cohort_has_all_three_strata() -> None:
    strata = [PHANTOMS.stratum(PHANTOMS.row(3, number)) for number in range(400)]
    assert {name: strata.count(name) / 400 for name in ("1", "0", "censored")} == pytest.approx(
        {"1": 0.903 * 0.424, "0": 0.903 * 0.576, "censored": 0.097}, abs=0.08
    )


def test_worse_tumours_are_coarser_more_necrotic_and_less_enclosed_and_nothing_else() -> None:
    rng = np.random.default_rng(5)
    bad, good = ([draw_looks(rng, score, 40.0) for _ in range(300)] for score in (1.2, -1.2))

    def difference(name: str) -> float:
        one, two = (np.array([getattr(looks, name) for looks in group], dtype=float) for group in (bad, good))
        return float((one.mean() - two.mean()) / (np.hypot(one.std(), two.std()) / np.sqrt(300) + 1e-12))

    assert difference("capsule") < -8
    for name in {*LOADINGS} - {"capsule"}:
        assert difference(name) > 8
    for name in ("mean_hu", "necrosis_hu", "capsule_hu", "capsule_mm"):
        assert abs(difference(name)) < WIDE


def test_scores_of_another_cohort_come_from_the_first_as_it_is(
    drawn: list[Scores], tumours: tuple[list[float], list[Looks]]
) -> None:
    patients = _by_looks(drawn, tumours)
    half = Patients(patients.measures[:50], patients.months[:50], patients.events[:50])
    np.testing.assert_allclose(transferred_scores(patients, half), transferred_scores(patients, patients)[:50])
    late = patients.known & (patients.early == 0)
    part = Patients(patients.measures[late], patients.months[late], patients.events[late])
    with pytest.raises(InputError, match="the same outcome"):
        transferred_scores(part, patients)
    with pytest.raises(InputError, match="0 patients with or without early recurrence"):
        fitted_scores(part)


@pytest.mark.parametrize("function", [patients_in, patients_of])
def test_no_cases_are_said(function) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="no such cases"):
        function([])
