"""The panel of the liver masses with its worker: three phases stored in different ways, to a case in a cohort."""

from __future__ import annotations

import numpy as np
import pytest
from ltp_reading import cells, chord, numbers, ras
from mass_reading import MODULE, PHASES, PLACES, classify, load_phases, mark


@pytest.fixture
def mass(desk, own_model):
    """The module over a store with one small untrained model of two sessions, and the phases in the scene."""
    load_phases()
    return desk.open(MODULE)


def test_masses_are_classified_judged_and_added_to_a_cohort(desk, mass, tmp_path, capsys):
    from HCCAssistLib.cli.main import main
    from HCCAssistLib.cohort.points import read_points

    ui = mass.ui
    assert "Mark the masses" in ui.readinessLabel.text
    mark(mass, *PLACES)
    classify(desk, mass)
    assert sorted(numbers(ui)) == [1, 2], ui.statusLabel.text
    found = mass.logic.session.current.result
    assert [one.diameter_mm for one in found.findings] == [24.0, 24.0]
    assert [len(one.by_network) for one in found.findings] == [2, 2]
    assert set(found.heatmaps) == {f"baseline/{phase}" for phase in PHASES}
    for finding, place in zip(found.findings, PLACES, strict=True):
        np.testing.assert_allclose(finding.center, place, atol=1e-3)
        np.testing.assert_allclose(finding.box.size[:2], (48.0, 48.0))
        assert np.abs(np.subtract(finding.box.center, place)).max() <= 2.5, "the section nearest to the point"
    drawn = mass.logic.session.current.drawn.boxes
    for finding in found.findings:
        np.testing.assert_allclose(drawn[finding.number].GetCenterWorld(), ras(finding.box.center), atol=0.01)
    mass.panel._review.choose(1)
    chord(desk, ui.table, "A")
    mass.panel._review.choose(2)
    other = next(n for n, code in enumerate("ABCDE", 1) if code != found.findings[1].predicted)
    chord(desk, ui.table, str(other))
    assert sorted(cells(ui, "Verdict")) == sorted(["agreed", f"{'ABCDE'[other - 1]} instead"])
    ui.exportsButton.collapsed = False
    with desk.choosing(tmp_path / "cohort"):
        desk.click(ui.newCohortButton)
    with desk.answering():
        desk.click(ui.addButton)
        desk.wait_until(lambda: not mass.panel._exports._export.writing, 30)
        mass.panel.poll()
    assert "is in the cohort" in ui.exportLabel.text, ui.exportLabel.text
    (written,) = (tmp_path / "cohort" / "cases").glob("*/baseline/masses.mrk.json")
    points = read_points(written).points
    assert [point.description.split(",")[0] for point in points] == [found.findings[0].predicted, "ABCDE"[other - 1]]
    np.testing.assert_allclose([point.position for point in points], PLACES, atol=1e-3)
    main(["check", str(tmp_path / "cohort"), "--recipe", "liver-mass"])
    stops = [line for line in capsys.readouterr().out.splitlines() if line.startswith("STOP")]
    assert len(stops) == 1 and "no patient has category" in stops[0], stops  # the case itself has no fault


@pytest.mark.parametrize(
    ("places", "size", "words"),
    [
        (((900.0, 0.0, 0.0),), "24 mm", "outside"),
        (((72.0, 52.0, 0.0),), "24 mm", "air"),
        ((PLACES[0],), "700 mm", "700 mm"),
    ],
)
def test_a_mass_that_cannot_be_one_is_told_and_nothing_is_drawn(desk, mass, places, size, words):
    mark(mass, *places, size=size)
    classify(desk, mass)
    assert mass.logic.session.current is None
    told = mass.ui.statusLabel.text + mass.ui.problemLabel.text
    assert words in told, told


@pytest.mark.slow
def test_forty_masses_are_classified_in_the_order_of_their_points(desk, mass):
    places = [(x, y, z) for z in (-8.0, 8.0) for y in (-20.0, 0.0, 20.0, 30.0) for x in (-36.0, -18.0, 0.0, 18.0, 36.0)]
    mark(mass, *places)
    classify(desk, mass)
    found = mass.logic.session.current.result.findings
    np.testing.assert_allclose([one.center for one in found], places, atol=1e-3)
    assert mass.ui.table.rowCount == 40


def test_a_list_that_was_emptied_is_asked_for_again(desk, mass):
    node = mark(mass, *PLACES)
    assert "Mark the masses" not in mass.ui.readinessLabel.text
    node.RemoveAllControlPoints()
    classify(desk, mass)
    assert mass.logic.session.current is None
    assert "Click a point into each" in mass.ui.statusLabel.text + mass.ui.problemLabel.text


def test_one_scan_chosen_as_two_phases_is_told_before_the_run(desk, mass):
    mass.ui.input_baseline_delayed_volume.setCurrentNode(mass.ui.input_baseline_arterial_volume.currentNode())
    mark(mass, *PLACES)
    told = mass.ui.statusLabel.text
    assert not mass.ui.runButton.enabled
    assert "arterial" in told and "delayed" in told and "same" in told, told


@pytest.mark.slow
def test_a_phase_without_hounsfield_units_is_said_beside_the_result(desk, mass):
    import slicer

    node = mass.ui.input_baseline_delayed_volume.currentNode()
    voxels = slicer.util.arrayFromVolume(node)
    voxels[:] = np.clip(voxels + 1024, 0, None)
    slicer.util.arrayFromVolumeModified(node)
    mark(mass, *PLACES)
    classify(desk, mass)
    told = " ".join(str(one) for one in mass.logic.session.current.result.warnings)
    assert "not Hounsfield units" in told
    assert "not Hounsfield units" in mass.ui.problemLabel.text + mass.ui.warningsLabel.text, mass.ui


def test_a_scene_closed_in_mid_run_leaves_no_result_and_no_fault(desk, mass):
    import slicer

    mark(mass, *PLACES)
    desk.click(mass.ui.runButton)
    slicer.mrmlScene.Clear(0)
    desk.wait_until(lambda: not mass.logic.session.running, 60)
    assert mass.logic.session.current is None
    assert mass.ui.table.rowCount == 0
