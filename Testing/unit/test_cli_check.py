"""``hccassist check``: the table first, every fault by its case, and an exit status that a script can trust."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.cohort import write_cohort_table
from HCCAssistLib.cohort.points import Point, PointList, write_points
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

GRID = Geometry.from_parts((24, 96, 96), (0.8, 0.8, 5.0), (-38, -38, -60))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound") / "cohort"
    x, y = (GRID.to_world(np.indices(GRID.shape)[::-1].reshape(3, -1).T)[:, :2]).T.reshape(2, *GRID.shape)
    rows = []
    for number in range(8):
        noise = np.random.default_rng(number).normal(0, 12, GRID.shape)
        post = folder / "cases" / f"c{number}" / "post"
        post.mkdir(parents=True)
        hu = np.where(np.hypot(x, y) < 34, 60 + noise, -1000 + noise).astype(np.int16)
        write_image(Image(hu, GRID), post / "arterial.nii.gz")
        if number % 2:
            write_points(PointList("ltp", (Point("L-1", (5.0, 3.0, 0.0)),)), post / "ltp.mrk.json")
        rows.append(
            {"case_id": f"c{number}", "patient_id": f"p{number // 2}{number % 2}", "split": "", "ltp": number % 2}
        )
    write_cohort_table(folder, rows)
    return folder


@pytest.fixture
def cohort(sound: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sound, tmp_path / "cohort")


def spoil(cohort: Path) -> None:
    (cohort / "cases" / "c3" / "post" / "ltp.mrk.json").rename(cohort / "cases" / "c3" / "post" / "F.mrk.json")
    (cohort / "cases" / "c4" / "post" / "zone.mha").write_bytes(b"x")
    shutil.copy(cohort / "cases/c1/post/arterial.nii.gz", cohort / "cases/c5/post/arterial.nii.gz")
    table = cohort / "cohort.csv"
    table.write_text(table.read_text(encoding="utf-8-sig").replace("c6,p30,,0", "c6,p30,,2"), encoding="utf-8")


def test_a_sound_cohort_is_counted_and_passes(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(sound)]) == 0
    out = capsys.readouterr().out
    assert "8 cases of 8 patients\nlabels: 4 0, 4 1\nsplits: 8 not set\nnothing stops a training" in out
    assert out.rstrip().endswith("1 warning"), "and not 1 warnings"
    assert "STOP" not in out and str(sound) not in out


def test_faults_are_grouped_by_case_after_those_of_the_table(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(cohort)
    assert main(["check", str(cohort)]) == 2
    lines = capsys.readouterr().out.splitlines()
    places = [lines.index(line) for line in ("case c6", "case c3", "case c4")]
    assert places == sorted(places), "the label stands in the table, which is checked before any image is read"
    assert lines[places[0] + 1] == "  STOP  the label ltp is '2'. Write 0 or 1."
    assert lines[places[1] + 1].startswith("  STOP  post/ltp: ltp is 1, but no point is marked.")
    assert lines[places[2] + 1].startswith("  warning  post/zone.mha is not used.")
    assert "STOP  case c5, post/arterial: this is the same scan as post/arterial of case c1" in "\n".join(lines)
    assert lines[-1].startswith("3 faults stop a training")


def test_json_is_one_object_with_every_problem(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(cohort)
    assert main(["check", str(cohort), "--recipe", "ltp", "--json"]) == 2
    said = json.loads(capsys.readouterr().out)
    assert (said["cases"], said["patients"], said["splits"]) == (8, 8, {"": 8})
    assert said["labels"] == {"0": 3, "1": 4, "2": 1}
    assert {problem["case_id"] for problem in said["problems"] if problem["level"] == "STOP"} == {"c6", "c3", ""}
    assert all(
        set(problem) == {"level", "what", "where", "remedy", "case_id", "leaves_out"} for problem in said["problems"]
    )


def test_a_table_that_cannot_be_read_is_a_problem_too(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cohort / "cohort.csv").write_text("case_id,Split,split\nc0,train,test\n", encoding="utf-8")
    assert main(["check", str(cohort), "--json"]) == 2
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert "'Split' and 'split' mean the same" in problem["what"]
    assert main(["check", str(cohort)]) == 2
    assert "mean the same" in capsys.readouterr().err


def test_a_check_needs_no_torch(sound: Path) -> None:
    code = "import sys; from HCCAssistLib.cli.main import main; main(sys.argv[1:]); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, "check", str(sound)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
