"""Net benefit and calibration against dcurves, R and definitions."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.calibration import calibration
from HCCAssistLib.evaluation.decision import net_benefit, net_benefit_difference

STATISTICS = Path(__file__).resolve().parents[3] / "shared" / "data" / "statistics"


def df_binary() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    path = STATISTICS / "df_binary.csv"
    if not path.exists():
        pytest.skip("SKIPPED: ../shared/data/statistics/df_binary.csv not found")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    cancer = np.array([row["cancer"] == "TRUE" for row in rows])
    return cancer, *(np.array([float(row[c]) for row in rows]) for c in ("cancerpredmarker", "famhistory"))  # type: ignore[return-value]


@pytest.mark.shared
def test_net_benefit_equals_dcurves_in_r() -> None:
    labels, risks, _ = df_binary()
    curve = net_benefit(labels, risks, [0.02, 0.05, 0.10, 0.20, 0.35], unit="patient")
    assert curve.model == pytest.approx([0.1260136, 0.1055439, 0.0874074, 0.0673333, 0.0501538], abs=5e-8)
    assert curve.treat_all == pytest.approx([0.1224490, 0.0947368, 0.0444444, -0.075, -0.3230769], abs=5e-8)
    assert (curve.n, curve.prevalence) == (750, 0.14)


@pytest.mark.shared
def test_net_benefit_of_a_yes_or_no_risk_equals_the_whole_curve_of_dcurves() -> None:
    labels, _, history = df_binary()
    with (STATISTICS / "r_dca_famhistory.csv").open(encoding="utf-8") as file:
        expected = [row for row in csv.DictReader(file) if row["variable"] == "famhistory"]
    inside = [row for row in expected if 0 < float(row["threshold"]) < 1]
    assert len(inside) > 90
    curve = net_benefit(labels, history, [float(row["threshold"]) for row in inside], unit="patient")
    assert curve.model == pytest.approx([float(row["net_benefit"]) for row in inside])


@pytest.mark.shared
def test_net_benefit_equals_the_package_dcurves() -> None:
    dcurves = pytest.importorskip("dcurves", reason="SKIPPED: dcurves is not installed")
    pandas = pytest.importorskip("pandas", reason="SKIPPED: pandas is not installed")
    labels, risks, _ = df_binary()
    thresholds = np.array([0.05, 0.15, 0.25, 0.5, 0.7])
    frame = pandas.DataFrame({"cancer": labels.astype(int), "risk": risks})
    table = dcurves.dca(data=frame, outcome="cancer", modelnames=["risk"], thresholds=thresholds)
    reference = table[table["model"] == "risk"].sort_values("threshold")["net_benefit"].to_numpy()
    assert net_benefit(labels, risks, thresholds, unit="patient").model == pytest.approx(reference)


def test_the_difference_of_net_benefit_counts_what_only_one_model_calls() -> None:
    labels = np.array([1, 1, 0, 0, 0] * 20)
    good = np.array([0.9, 0.8, 0.1, 0.1, 0.7] * 20)
    worse = np.array([0.9, 0.1, 0.1, 0.6, 0.7] * 20)
    figure = net_benefit_difference(labels, good, worse, 0.5, np.arange(100) // 5, unit="patch", draws=300)
    by_curve = [net_benefit(labels, risks, [0.5], unit="patch").model[0] for risks in (good, worse)]
    assert figure.value == pytest.approx(by_curve[0] - by_curve[1]) == pytest.approx(0.4)
    assert figure.interval.low is None, "every patient is alike, so no draw differs"
    missing = net_benefit_difference(labels, np.where(np.arange(100) < 3, np.nan, good), worse, 0.5, unit="patch")
    assert (missing.n, missing.excluded) == (97, 3)


@pytest.mark.shared
def test_calibration_recovers_the_distortion_put_in() -> None:
    pytest.importorskip("statsmodels", reason="SKIPPED: statsmodels is not installed")
    labels, risks, _ = df_binary()
    result = calibration(labels, expit(0.5 + 1.5 * logit(risks)), unit="patient", draws=200)
    assert result.slope.value == pytest.approx(2 / 3, abs=1e-6)
    assert result.intercept.value == pytest.approx(-1 / 3, abs=1e-6)
    assert result.brier.value == pytest.approx(0.0859453, abs=5e-8)
    own = calibration(labels, risks, unit="patient", draws=200)
    assert own.in_the_large.value == pytest.approx(0, abs=1e-6)
    assert own.slope.interval.low < 1 < own.slope.interval.high


def test_the_calibration_curve_counts_every_row_once_and_keeps_equal_risks_together() -> None:
    pytest.importorskip("statsmodels", reason="SKIPPED: statsmodels is not installed")
    labels = [0, 0, 1, 0, 1, 1, 0, 1, 1, 0]
    risks = [0.2, 0.2, 0.2, 0.2, 0.2, 0.6, 0.6, 0.8, 0.9, 0.8]
    result = calibration(labels, risks, unit="patient", bins=4, draws=50)
    assert sum(one.n for one in result.bins) == 10
    first = result.bins[0]
    assert (first.n, first.risk, first.observed) == (5, pytest.approx(0.2), 0.4)
    assert first.interval.method == "Wilson score"


def test_calibration_of_hopeless_risks_gives_reasons() -> None:
    separated = calibration([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.8], unit="patient", draws=50)
    assert separated.slope.value is None and "separate the classes" in separated.slope.note
    constant = calibration([0, 1, 1], [0.5, 0.5, 0.5], unit="patient", draws=50)
    assert constant.slope.value is None and constant.brier.value == 0.25
    with pytest.raises(InputError, match="outside 0 to 1"):
        calibration([0, 1], [0.5, 1.5], unit="patient")
