"""A margin's record comes back from its file as it was, and what is none is refused in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ellipsoids import Ellipsoid

from HCCAssistLib.errors import InputError
from HCCAssistLib.margin.candidates import near_margin
from HCCAssistLib.margin.record import MarginRecord, margin_record, read_margin, write_margin
from HCCAssistLib.margin.words import registered, rows
from HCCAssistLib.registration.registration import Registration

SHIFT = np.eye(4)
SHIFT[:3, 3] = (5, -7, 11)


@pytest.fixture(scope="module")
def record() -> MarginRecord:
    """The zone lies 3 mm to the left of the tumour, on a scan that is shifted."""
    tumour, zone = Ellipsoid.ball(10).painted(), Ellipsoid.ball(18, (3 + 5, -7, 11)).painted()
    return margin_record(tumour, zone, Registration(SHIFT, "rigid"))


def test_a_record_comes_back_as_it_was(record: MarginRecord, tmp_path: Path) -> None:
    write_margin(tmp_path / "margin.json", record)
    again = read_margin(tmp_path / "margin.json")
    assert again.as_json() == record.as_json()
    assert rows(again.margin) == rows(record.margin)
    assert registered(again)[0] == "Registration: the scans were registered rigidly."
    assert set(again.inputs) == {"tumour", "ablation zone"} and len(again.inputs["tumour"]) == 64


def test_findings_are_told_from_the_scan_after_to_the_scan_before(record: MarginRecord) -> None:
    x, y, z = record.margin.smallest_at
    found = near_margin(record, {4: (x + 5, y - 7, z + 11), 9: (x + 5 - 12, y - 7, z + 11)})
    assert [one.number for one in found] == [4, 9]
    assert found[0].narrowest_mm == pytest.approx(0, abs=1e-6)
    assert found[0].margin_mm == pytest.approx(record.margin.smallest_mm)
    assert found[1].narrowest_mm == pytest.approx(12, abs=1e-6)
    assert near_margin(record, {}) == ()
    with pytest.raises(InputError, match="a finding lies nowhere"):
        near_margin(record, {1: (float("nan"), 0, 0)})


@pytest.mark.parametrize(
    "change",
    [
        {"format": "hccassist-margin-record/9"},
        {"run": None},
        {"run": {"error_from": "stars", "inputs": {}, "versions": {}}},
        {"registration": {}},
        {"registration": []},
        {"margin": None},
        {"margin": {"format": "hccassist-ablation-margin/1"}},
    ],
)
def test_damaged_records_are_refused(record: MarginRecord, change: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        MarginRecord.from_json({**record.as_json(), **change})


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '{"format": 3}', "[" * 100_000, "1" * 5000])
def test_files_that_hold_no_record_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "margin.json").write_text(text)
    with pytest.raises(InputError, match=r"margin"):
        read_margin(tmp_path / "margin.json")
    with pytest.raises(InputError, match=r"nowhere\.json: the margin cannot be read\. Measure again"):
        read_margin(tmp_path / "nowhere.json")


def test_figures_that_were_changed_are_noticed(record: MarginRecord) -> None:
    data = json.loads(json.dumps(record.as_json()))
    data["margin"]["smallest_mm"] = 12.0
    with pytest.raises(InputError, match="the figures are not what the points give"):
        MarginRecord.from_json(data)


def test_a_registration_that_bends_or_failed_measures_nothing() -> None:
    tumour, zone = Ellipsoid.ball(10).painted(), Ellipsoid.ball(18).painted()
    with pytest.raises(InputError, match="the registration failed: no overlap"):
        margin_record(tumour, zone, Registration(np.eye(4), "rigid", failure="no overlap"))
    with pytest.raises(InputError, match="scales, shears or mirrors"):
        margin_record(tumour, zone, Registration.by_person(np.diag((1.1, 1.0, 1.0, 1.0))))
