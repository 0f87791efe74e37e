"""From scores to candidates."""

import numpy as np
import pytest

from HCCAssistLib.recipes.ltp.sliding_window.candidates import (
    FLOOR,
    LIMIT,
    Peak,
    ScoreMap,
    merge_close_peaks,
    non_maximum_suppression,
    refine_peak,
)

PATCH = (8, 32, 32)


def score_map(scores: np.ndarray, steps: tuple[int, int, int] = (4, 8, 8)) -> ScoreMap:
    z, y, x = (np.arange(n) * step + 3 for n, step in zip(scores.shape, steps, strict=True))
    return ScoreMap(scores.astype(np.float32), z, y, x, PATCH)


def plateau(shape: tuple[int, int, int], center: tuple[int, int, int], height: float) -> np.ndarray:
    scores = np.zeros(shape)
    k, j, i = center
    scores[k, j - 1 : j + 2, i - 1 : i + 2] = height
    return scores


def test_two_plateaus_are_two_candidates_at_their_middles() -> None:
    scores = plateau((10, 30, 30), (3, 8, 6), 0.9) + plateau((10, 30, 30), (7, 20, 22), 0.6)
    first, second = non_maximum_suppression(score_map(scores))
    assert first.center == pytest.approx((6 * 8 + 3, 8 * 8 + 3, 3 * 4 + 3))
    assert second.center == pytest.approx((22 * 8 + 3, 20 * 8 + 3, 7 * 4 + 3))
    assert (first.probability, second.probability) == pytest.approx((0.9, 0.6))


def test_only_the_best_within_a_patch_stays() -> None:
    scores = plateau((10, 30, 30), (3, 8, 6), 0.9)
    scores[3, 8, 9] = 0.8  # 24 pixels from the middle
    assert len(non_maximum_suppression(score_map(scores))) == 1
    peaks = [Peak((50, 50, 9), 0.5, (32, 32, 8)), Peak((60, 40, 12), 0.7, (32, 32, 8))]
    assert merge_close_peaks(peaks, PATCH) == [peaks[1]]
    apart = [Peak((50, 50, 9), 0.5, (32, 32, 8)), Peak((50, 50, 17), 0.7, (32, 32, 8))]
    assert merge_close_peaks(apart, PATCH) == apart[::-1]


def test_what_was_not_scanned_is_never_a_candidate() -> None:
    scores = np.full((10, 30, 30), np.nan)
    assert non_maximum_suppression(score_map(scores)) == []
    scores[5, 10:13, 10:13] = 0.5
    (only,) = non_maximum_suppression(score_map(scores))
    assert only.center == pytest.approx((11 * 8 + 3, 11 * 8 + 3, 5 * 4 + 3))


def test_a_spike_of_noise_scores_less_than_a_plateau_of_the_same_height() -> None:
    steps = (1, 4, 4)
    spike = np.zeros((9, 9, 9))
    spike[4, 4, 4] = 0.95
    flat = np.zeros((9, 9, 9))
    flat[4, 2:7, 2:7] = 0.95
    anywhere = np.ones(flat.shape, dtype=bool)
    wide, narrow = refine_peak(score_map(flat, steps), anywhere), refine_peak(score_map(spike, steps), anywhere)
    assert wide is not None
    assert narrow is not None
    assert wide.probability == pytest.approx(0.95)
    assert narrow.probability < 0.1
    assert wide.center == pytest.approx((4 * 4 + 3, 4 * 4 + 3, 4 + 3))


def test_a_peak_is_centred_on_what_is_allowed_and_keeps_its_probability() -> None:
    flat = np.zeros((9, 9, 9))
    flat[4, 2:7, 2:7] = 0.95
    left = np.zeros(flat.shape, dtype=bool)
    left[:, :, :5] = True
    peak = refine_peak(score_map(flat, (1, 4, 4)), left)
    assert peak is not None
    assert peak.probability == pytest.approx(0.95)
    assert peak.center[0] < 4 * 4 + 3
    assert refine_peak(score_map(flat, (1, 4, 4)), np.zeros_like(left)) is None


def test_noise_everywhere_gives_a_bounded_list_in_falling_order() -> None:
    scores = np.random.default_rng(0).uniform(0, 1, (20, 60, 60))
    peaks = non_maximum_suppression(score_map(scores))
    assert len(peaks) == LIMIT
    assert [p.probability for p in peaks] == sorted((p.probability for p in peaks), reverse=True)
    assert non_maximum_suppression(score_map(scores * FLOOR / 2)) == []
