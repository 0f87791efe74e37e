"""The nearest confirmed cases beside a mass, by clicks: a real model, a cohort on the disk, a process that scores."""

from __future__ import annotations

import shutil

import pytest
from capturing import cells
from mass_reading import MODULE, PLACES, classify, load_phases, mark

pytestmark = pytest.mark.slow


@pytest.fixture
def classified(desk, own_model, tmp_path, monkeypatch):
    """The module with two masses that are classified; nothing is kept of any cohort."""
    import slicer

    monkeypatch.setenv("HCCASSIST_SCORED", str(tmp_path / "scored"))
    monkeypatch.setenv("HCCASSIST_PATIENTS", str(tmp_path / "own"))
    slicer.app.settings().remove("HCCAssist/Cohort")
    load_phases()
    widget = desk.open(MODULE)
    mark(widget, *PLACES)
    classify(desk, widget)
    widget.ui.nearestSection.collapsed = False
    desk.process_events()
    return widget


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Six cases of five patients: the first two are of one."""
    from mass_toy import write_toy_cohort

    from HCCAssistLib.cohort.cohort import read_cohort, write_cohort_table

    folder = write_toy_cohort(tmp_path_factory.mktemp("nearest") / "masses", [""] * 6)
    rows = [dict(case.values, patient_id=f"p{max(1, n)}") for n, case in enumerate(read_cohort(folder).cases)]
    (folder / "cohort.csv").unlink()
    write_cohort_table(folder, rows)
    return folder


def choose(desk, widget, folder):
    widget.ui.nearestCohort.currentPath = str(folder)
    settle(desk, widget)


def settle(desk, widget):
    part = widget.panel._added[-1]
    desk.wait_until(lambda: not part._cohort.busy, 20)
    desk.process_events()


def find(desk, widget, seconds=60):
    """Press the button and wait for the end; what is said then."""
    desk.click(widget.ui.nearestFindButton)
    desk.wait_until(lambda: not widget.panel._added[-1]._search.running, seconds)
    desk.process_events()
    return widget.ui.nearestLabel.text


def beside(widget):
    """Cases, labels and distances of the table."""
    return [[row[column] for row in cells(widget.ui.nearestTable)] for column in (1, 2, 3)]


def test_cases_of_other_patients_stand_beside_a_mass_and_come_at_once_the_second_time(
    desk, classified, cohort, tmp_path
):
    import slicer

    ui, part = classified.ui, classified.panel._added[-1]
    assert not ui.nearestFindButton.enabled and "no evidence" in ui.nearestMeaningLabel.text
    choose(desk, classified, cohort)
    assert "is not known here" in ui.nearestCohortNote.text
    assert slicer.app.settings().value("HCCAssist/Cohort") == str(cohort)
    classified.panel._review.choose(1)
    said = find(desk, classified)
    assert "Among 30 confirmed findings of 5 patients" in said, said
    names, labels, distances = beside(classified)
    assert len(names) == 5 and len({name.split()[0] for name in names} & {"case-0", "case-1"}) == 1
    assert all(label.split(",")[0] in "ABCDE" for label in labels)
    assert [float(one) for one in distances] == sorted(float(one) for one in distances)
    ui.nearestTable.selectRow(0)
    desk.process_events()
    assert [getattr(ui, f"nearestPicture{n}").visible for n in (1, 2, 3, 4)] == [True, True, True, False]
    assert "mm wide" in ui.nearestPictureText1.text and ui.nearestPicture1.width > 100
    classified.panel._review.choose(2)
    assert beside(classified) != [names, labels, distances], "of the other mass, without another search"
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "scored").rglob("scored.safetensors")}
    assert len(kept) == 6
    desk.choose(ui.nearestPatientBox, "p1")
    assert ui.nearestTable.rowCount == 0, "found when nobody had said who the patient is"
    assert "Left out as of this very patient: case-0, case-1." in find(desk, classified)
    names, *_ = beside(classified)
    assert len(names) == 4 and not any(name.startswith(("case-0", "case-1")) for name in names)
    assert kept == {path: path.stat().st_mtime_ns for path in (tmp_path / "scored").rglob("scored.safetensors")}
    desk.click(ui.nearestForgetButton)
    desk.wait_until(lambda: not part._forgetting.busy, 20)
    assert "Nothing is kept" in ui.nearestLabel.text and not (tmp_path / "scored").exists()


def test_what_cannot_be_compared_is_said_and_a_search_can_be_given_up(desk, classified, cohort, tmp_path):
    import slicer
    from mass_toy import PLACES as FIVE
    from mass_toy import points

    from HCCAssistLib.cohort.points import write_points

    ui, part = classified.ui, classified.panel._added[-1]
    choose(desk, classified, tmp_path)
    assert "There is no cohort in" in ui.nearestCohortNote.text and not ui.nearestFindButton.enabled
    other = tmp_path / "other"
    (other / "cases" / "a").mkdir(parents=True)
    (other / "cohort.csv").write_text("case_id,ltp\na,1\n")
    choose(desk, classified, other)
    assert "its cases hold no baseline/" in ui.nearestCohortNote.text and not ui.nearestFindButton.enabled
    open_ones = shutil.copytree(cohort, tmp_path / "open")
    for where in open_ones.glob("cases/*/baseline/masses.mrk.json"):
        write_points(points(tuple((place, "") for place in FIVE)), where)
    choose(desk, classified, open_ones)
    assert "no finding of the cohort is confirmed" in find(desk, classified)
    own = shutil.copytree(cohort, tmp_path / "cohort")
    choose(desk, classified, own)
    desk.click(ui.nearestFindButton)
    assert ui.nearestCancelButton.enabled and not ui.nearestFindButton.enabled
    desk.click(ui.nearestCancelButton)
    desk.wait_until(lambda: not part._search.running, 20)
    assert "Cancelled" in ui.nearestLabel.text and ui.nearestFindButton.enabled
    desk.click(ui.nearestFindButton)
    shutil.rmtree(own)  # while it is being looked at
    desk.wait_until(lambda: not part._search.running, 60)
    assert ui.nearestTable.rowCount == 0 and not ui.nearestFindButton.enabled
    assert "There is no cohort in cohort" in ui.nearestCohortNote.text
    choose(desk, classified, cohort)
    desk.click(ui.nearestFindButton)
    slicer.mrmlScene.Clear(0)
    desk.wait_until(lambda: not part._search.running, 20)
    assert not ui.NearestCases.visible and not part._answers


def beside_what_is_there(desk, widget, folder):
    """Open the section of a panel, find, and give back what is said and shown."""
    (part,) = (part for part in widget.panel._added if hasattr(part.ui, "nearestFindButton"))
    ui = widget.ui
    ui.nearestSection.collapsed = False
    ui.nearestCohort.currentPath = str(folder)
    desk.wait_until(lambda: not part._cohort.busy, 20)
    desk.process_events()
    desk.click(ui.nearestFindButton)
    desk.wait_until(lambda: not part._search.running, 120)
    desk.process_events()
    return ui.nearestLabel.text, cells(ui.nearestTable)


def test_a_risk_has_neighbours_without_any_finding_also_in_a_loaded_scene(
    desk, small_view, own_risk_model, tmp_path, monkeypatch
):
    import risk_reading
    import slicer
    from hepatectomy_toy import write_toy_cohort

    from HCCAssistLib.scene.mrb import save_mrb

    for name in ("SCORED", "PATIENTS"):
        monkeypatch.setenv(f"HCCASSIST_{name}", str(tmp_path / name.lower()))
    folder = write_toy_cohort(tmp_path / "cohort", [(8, 1), (60, 0), (12, 1), (6, 0)])
    risk_reading.load_tumour()
    widget = desk.open(risk_reading.MODULE)
    risk_reading.predict(desk, widget)
    said, rows = beside_what_is_there(desk, widget, folder)
    assert "Among 3 confirmed findings of 3 patients" in said, said  # one was lost too early to tell
    assert {row[2] for row in rows} == {"early event", "no early event"}
    save_mrb(slicer.mrmlScene, tmp_path / "scene.mrb")
    slicer.mrmlScene.Clear(0)
    slicer.app._host.load(tmp_path / "scene.mrb")
    desk.process_events()
    again, same = beside_what_is_there(desk, widget, folder)
    assert same == rows, again


def test_candidates_of_a_detection_have_neighbours_among_the_points_of_readers(desk, panel, tmp_path, monkeypatch):
    from ltp_blob import blob_image, close_grid

    from HCCAssistLib.cohort.cohort import write_cohort_table
    from HCCAssistLib.cohort.points import Point, PointList, write_points
    from HCCAssistLib.imaging.files import write_image

    for name in ("SCORED", "PATIENTS"):
        monkeypatch.setenv(f"HCCASSIST_{name}", str(tmp_path / name.lower()))
    folder = tmp_path / "livers"
    post = folder / "cases" / "c0" / "post"
    post.mkdir(parents=True)
    write_image(blob_image(close_grid()), post / "arterial.nrrd")
    write_points(PointList("ltp", (Point("LTP-1", (-25.0, 15.0, -14.0)),)), post / "ltp.mrk.json")
    write_points(PointList("rejected", (Point("R-1", (10.0, 10.0, 10.0)),)), post / "rejected.mrk.json")
    write_cohort_table(folder, [{"case_id": "c0", "split": "", "ltp": "1"}])
    widget = panel()
    widget.panel._review.choose(1)
    said, rows = beside_what_is_there(desk, widget, folder)
    assert "Among 2 confirmed findings of 1 patient;" in said and len(rows) == 1, said
    assert rows[0][1:3] == ["c0", "local tumour progression"]


def test_neighbours_that_are_no_nearer_than_chance_are_said_to_be_unlike(desk):
    from HCCAssistLib.panels.nearest_cases import _about
    from HCCAssistLib.scene.nearest import Near, NearestFound

    def told(*distances):
        near = tuple(Near(f"case-{n}", "", "cyst", away, ()) for n, away in enumerate(distances))
        return _about(NearestFound(None, None, "", {1: near}, confirmed=9, patients=3), 1, near).splitlines()

    among = "Among 9 confirmed findings of 3 patients; two drawn at random lie about 1.4 apart."
    assert told(0.8, 2.5) == [among]
    assert told(2.5, 2.9) == ["None of these looks alike: each lies farther away than two drawn at random.", among]
