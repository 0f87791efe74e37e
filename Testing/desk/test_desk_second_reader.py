"""Two readers of one cohort beside each other, by clicks: figures, cases where they differ, and whose marks count."""

from __future__ import annotations

import numpy as np
import pytest
from capturing import cells
from training_reading import MODULE, choose_cohort

pytestmark = pytest.mark.usefixtures("small_view")

LESION = (6.0, -8.0, 4.0)


def points(*places):
    from HCCAssistLib.cohort.points import Point, PointList

    return PointList(
        "masses", tuple(Point(f"M-{n}", place, f"{code}, 24 mm") for n, (place, code) in enumerate(places, 1))
    )


@pytest.fixture
def cohort(tmp_path):
    """Three cases, of which two readers agree on one, differ in the category of one, and one reader alone read one."""
    from HCCAssistLib.cohort.additions import add_case
    from HCCAssistLib.cohort.case_content import case_files
    from HCCAssistLib.cohort.cohort import read_cohort
    from HCCAssistLib.cohort.reader_marks import put_marks
    from HCCAssistLib.imaging.geometry import Geometry
    from HCCAssistLib.imaging.image import Image

    grid = Geometry.from_parts((14, 66, 62), (0.75, 0.8, 4.0), (-22.0, -28.0, -26.0))
    folder = tmp_path / "cohort"
    for number, code in enumerate("AAB"):
        voxels = np.random.default_rng(number).normal(60, 8, grid.shape).astype(np.int16)
        scans = {
            f"baseline/{phase}": Image(voxels + 9 * n, grid)
            for n, phase in enumerate(("unenhanced", "arterial", "delayed"))
        }
        add_case(
            folder,
            f"case-{number}",
            volumes=scans,
            points={"baseline/masses": points((LESION, code))},
            masks={},
            values={"reader": "R1"},
        )
    for case, code in zip(read_cohort(folder).cases[:2], "AD", strict=True):
        moved = points(((LESION[0] + 3, LESION[1], LESION[2] + 4), code))
        files = case_files(volumes={}, points={"baseline/masses": moved}, masks={}, segments={}, transforms={})
        put_marks(folder, case, "R2", files, {})
    return folder


@pytest.fixture
def opened(desk, tmp_path, monkeypatch):
    import slicer

    for name in ("PATIENTS", "MODELS", "TRAINING", "PROFILES", "SCANS"):
        monkeypatch.setenv(f"HCCASSIST_{name}", str(tmp_path / name.lower()))
    slicer.app.settings().clear()
    yield desk.open(MODULE)
    slicer.app.settings().clear()


def settle(desk, widget):
    desk.wait_until(lambda: not widget.panel.readers._lane.busy, 30)
    desk.process_events()


def codes(cohort):
    from HCCAssistLib.cohort.points import read_points

    found = {path.parts[-3]: read_points(path).points for path in cohort.glob("cases/*/baseline/masses.mrk.json")}
    return {case: [point.description for point in listed] for case, listed in sorted(found.items())}


def test_readers_are_compared_and_one_of_them_counts_after_a_question(desk, opened, cohort):
    import slicer

    ui = opened.ui
    choose_cohort(desk, opened, cohort)
    ui.readersSection.collapsed = False
    settle(desk, opened)
    rows = {row[0]: row[1:] for row in cells(ui.agreementTable)}
    assert rows["masses"][:2] == ["mean distance, mm", "5.000"] and rows["masses"][3] == "2 points"
    # A twice and A against D: agreement 1/2, by chance 1/2
    assert rows["masses, category"][:2] == ["Cohen kappa", "0.000"]
    assert "2 of 2 marked by both within 15 mm" in ui.agreementLabel.text
    assert cells(ui.differencesTable) == [["case-1", "M-1: A and D"]]
    ui.casesSection.collapsed = False
    desk.wait_until(lambda: ui.caseTable.rowCount == 3, 20)
    desk.double_click(ui.differencesTable, 0, 1)
    desk.wait_until(lambda: slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLMarkupsFiducialNode") == 1, 30)
    desk.wait_until(lambda: ui.openCaseButton.text == "Open in the scene", 30)
    assert ui.oldCaseBox.currentText == "case-1" and not ui.captureSection.collapsed
    before = {path: path.read_bytes() for path in cohort.rglob("*") if path.is_file()}
    desk.choose(ui.countsBox, "what most readers say, voxel")
    with desk.answering("Cancel") as asked:
        desk.click(ui.countsButton)
        desk.wait_until(lambda: "Nothing was written" in ui.countsNote.text, 30)
    assert "1 case would change" in asked[0] and "case-1 stays as it is: no agreement on" in asked[0], asked
    assert before == {path: path.read_bytes() for path in cohort.rglob("*") if path.is_file()}
    desk.choose(ui.countsBox, "what R2 says")
    with desk.answering("OK") as asked:
        desk.click(ui.countsButton)
        desk.wait_until(lambda: "Changed:" in ui.countsNote.text, 30)
    assert "consensus empty" in asked[0] and "R2 of R1, R2" in asked[0]
    assert codes(cohort) == {"case-0": ["A, 24 mm"], "case-1": ["D, 24 mm"], "case-2": ["B, 24 mm"]}
    assert (cohort / "readings" / "R1" / "case-1" / "baseline" / "masses.mrk.json").is_file()
    assert (cohort / "revisions" / "case-1" / "001" / "baseline" / "masses.mrk.json").is_file()
    settle(desk, opened)
    desk.wait_until(lambda: [row[2] for row in cells(ui.caseTable)] == ["A", "D", "B"], 20)
    assert "Changed: 2 cases." in ui.countsNote.text
    assert cells(ui.differencesTable) == [["case-1", "M-1: A and D"]], "the first reader is still one of two"
    desk.choose(ui.countsBox, "what R2 says")
    desk.click(ui.countsButton)
    desk.wait_until(lambda: "Nothing would change" in ui.countsNote.text, 30)


def test_a_cohort_of_one_reader_and_a_damaged_reading_are_told(desk, opened, cohort):
    import shutil

    ui = opened.ui
    damaged = cohort / "readings" / "R2" / "case-0" / "labels.json"
    damaged.write_text("{", encoding="utf-8")
    ui.readersSection.collapsed = False
    choose_cohort(desk, opened, cohort)
    settle(desk, opened)
    assert "the labels are damaged" in ui.agreementLabel.text and not ui.countsButton.visible
    shutil.rmtree(cohort / "readings")
    opened.enter()
    settle(desk, opened)
    assert "Only R1 read this cohort" in ui.agreementLabel.text, ui.agreementLabel.text
    assert not ui.agreementTable.visible and not ui.countsButton.visible
