"""``hccassist check-series``: what it prints, its exit status, and that it names no patient and loads no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from dicom_samples import IDENTIFIERS, SLICES, ct_series, new_instance, phases_in_one_series, write

from HCCAssistLib.cli.main import main


def test_sound_volumes_are_listed_with_their_phases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slices = phases_in_one_series(2)
    for d in slices:
        d.ContrastBolusAgentPhase = ("ARTERIAL", "PORTAL_VENOUS")[d.AcquisitionNumber - 1]
    write(slices, tmp_path / "Muster^Maria" / "deep")
    assert main(["check-series", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    heading, first, second, *rest = said.out.splitlines()
    assert heading.split()[:3] == ["series", "modality", "slices"]
    assert "acquisition 1" in first
    assert "late arterial (high)" in first
    assert "0.80 x 0.80 x 2.00" in first
    assert "portal venous (high)" in second
    assert "coded contrast phase: PORTAL_VENOUS" in " ".join(rest)
    assert rest[-1].startswith("2 volumes can be read")
    assert not any(identifier in said.out for identifier in (*IDENTIFIERS, str(tmp_path)))


def test_a_fault_is_told_with_what_to_do_and_gives_exit_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound, faulty = ct_series(), ct_series()
    del faulty[7]
    for d in faulty:
        d.SeriesNumber = 5
    write(sound, tmp_path / "a")
    write(faulty, tmp_path / "b")
    assert main(["check-series", str(tmp_path)]) == 2
    out = capsys.readouterr().out
    assert "STOP series 5: 1 slice(s) missing near slice 7" in out
    assert "Send or export the series again" in out
    assert main(["check-series", str(tmp_path), "--json"]) == 2
    data = json.loads(capsys.readouterr().out)
    assert [(s["label"], s["readable"], s["slices"]) for s in data["series"]] == [
        ("series 4", True, SLICES),
        ("series 5", False, SLICES - 1),
    ]
    series = data["series"][0]
    assert series["modality"] == "CT"
    assert series["spacing"] == [0.8, 0.8, 2.0]
    assert series["geometry"]["shape"] == [SLICES, 12, 10]
    assert series["phase"] == {"phase": "unknown", "confidence": "none", "evidence": []}
    assert data["series"][1]["spacing"] is None
    (problem,) = data["series"][1]["problems"]
    assert set(problem) == {"level", "what", "where", "remedy"}
    assert data["problems"] == [problem]


def test_a_single_image_beside_a_volume_is_no_stop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slices = ct_series()
    scout = new_instance(slices[0])
    scout.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    write([scout, *slices], tmp_path)
    assert main(["check-series", str(tmp_path)]) == 0
    assert "WARN series 4 (stack 1): a single slice is not a volume" in capsys.readouterr().out


def test_a_folder_without_images_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-series", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "no CT or MR images" in said.err
    assert main(["check-series", str(tmp_path / "nowhere"), "--json"]) == 2
    data = json.loads(capsys.readouterr().out)
    assert data["series"] == []
    assert data["problems"][0]["what"] == "there is no such folder"


def test_the_check_loads_neither_torch_nor_what_unpacks_voxels(tmp_path: Path) -> None:
    write(ct_series(), tmp_path)
    code = (
        "import sys; from HCCAssistLib.cli.check_series import run; import argparse, pathlib;"
        "run(argparse.Namespace(folder=pathlib.Path(sys.argv[1]), json=True));"
        "print(sorted({'torch', 'SimpleITK', 'scipy'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert len(json.loads(done.stdout)["series"]) == 1
