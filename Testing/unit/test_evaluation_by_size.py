"""Lesions found by size, the size that a reader wrote beside a point, and the interval of a rate."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import poisson

from HCCAssistLib.cohort.described_size import described_size
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.by_size import sensitivity_by_size
from HCCAssistLib.evaluation.froc import lesion_operating_point
from HCCAssistLib.evaluation.intervals import rate_interval
from HCCAssistLib.evaluation.lesion_matching import VolumeFindings
from HCCAssistLib.results.cutoff import CutOff

AT = CutOff(0.5, "by hand")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("12 mm", 12.0), ("LTP at the margin, 7.5mm", 7.5), ("1,2 cm", 12.0), ("2 cm in segment 8", 20.0),
        ("", math.nan), ("12", math.nan), ("12 x 9 mm, 3 mm from the vein", math.nan), ("mm", math.nan),
        ("12 mmHg", math.nan), ("level -12 mm", 12.0),
    ],
)  # fmt: skip
def test_a_size_is_read_only_where_one_is_written_with_its_unit(text: str, size: float) -> None:
    assert described_size(text) == pytest.approx(size, nan_ok=True)


def volume(patient: str, *lesions: tuple[float, float | None]) -> VolumeFindings:
    """Lesions 100 mm apart; a candidate of the given score lies on each that has one."""
    places = [(100.0 * number, 0.0, 0.0) for number in range(len(lesions))]
    hit = [(place, score) for place, (_, score) in zip(places, lesions, strict=True) if score is not None]
    return VolumeFindings(
        patient,
        np.array([place for place, _ in hit]).reshape(-1, 3),
        np.array([score for _, score in hit]),
        np.array(places).reshape(-1, 3),
        np.zeros(len(places)),
    )


def test_lesions_are_counted_in_the_group_of_their_size_and_an_unknown_size_in_one_of_its_own() -> None:
    lesions = {
        "a": [(9.9, 0.9), (10.0, 0.4), (19.9, 0.5)],
        "b": [(20.0, 0.8), (math.nan, None)],
        "c": [(4.0, None), (45.0, 0.6)],
        "d": [],
    }
    volumes = [volume(patient, *of) for patient, of in lesions.items()]
    sizes = [[size for size, _ in of] for of in lesions.values()]
    found = sensitivity_by_size(volumes, sizes, AT, tolerance_mm=5.0, draws=200)
    assert {one.name: (one.successes, one.n, one.clusters) for one in found} == {
        "lesions below 10 mm found": (1, 2, 2),
        "lesions 10 mm to below 20 mm found": (1, 2, 1),
        "lesions 20 mm or more found": (2, 2, 2),
        "lesions found, size not given": (0, 1, 1),
    }
    whole, _ = lesion_operating_point(volumes, AT, tolerance_mm=5.0, draws=200)
    assert sum(one.n for one in found) == whole.n
    assert sum(one.successes or 0 for one in found) == whole.successes
    assert all(one.cutoff is AT and one.clustered is not None for one in found)


def test_no_lesion_gives_no_group_and_sizes_that_do_not_fit_are_refused() -> None:
    assert sensitivity_by_size([volume("a")], [[]], AT) == ()
    with pytest.raises(InputError, match="one size for every lesion"):
        sensitivity_by_size([volume("a", (5.0, 0.9))], [[]], AT)
    with pytest.raises(InputError, match="0 mm or less"):
        sensitivity_by_size([volume("a", (5.0, 0.9))], [[0.0]], AT)


@pytest.mark.parametrize(("count", "n"), [(0, 4), (5, 1), (17, 40)])
def test_the_interval_of_a_rate_leaves_the_wanted_share_on_either_side(count: int, n: int) -> None:
    interval = rate_interval(count, n, level=0.9)
    assert interval.low is not None and interval.high is not None
    assert poisson.cdf(count, interval.high * n) == pytest.approx(0.05)
    assert interval.low == 0 if count == 0 else poisson.sf(count - 1, interval.low * n) == pytest.approx(0.05)


def test_false_positives_have_an_interval_though_no_volume_holds_any() -> None:
    volumes = [volume(patient, (12.0, 0.9)) for patient in "abcd"]
    _, rate = lesion_operating_point(volumes, AT, tolerance_mm=5.0, draws=200)
    assert rate.value == 0 and "Poisson" in rate.interval.method
    assert (rate.interval.low, rate.interval.high) == (0, pytest.approx(-math.log(0.025) / 4))
