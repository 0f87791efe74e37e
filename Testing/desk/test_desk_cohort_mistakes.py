"""Tests of the tests: mistakes planted into the parts that look into a cohort make a reader's work with them fail."""

from __future__ import annotations

import mass_reading
import pytest
import test_desk_nearest
import test_desk_second_reader
import training_reading
from planting import noticed, some_of
from test_desk_panels_mistakes import Planted, forget

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_view")]

cohort = test_desk_nearest.cohort
readers = test_desk_second_reader.cohort

NEAREST = {
    "patient not left out": ("nearest_cohort.py", '.removeprefix("of ")', '.removeprefix("of ")[:0]'),
    "answer of another patient kept": ("nearest_cases.py", "return found if same else None", "return found"),
    "neighbours of another finding": ("nearest_cases.py", "found.nearest.get(number, ())", "found.nearest.get(1, ())"),
    "cohort not remembered": ("nearest_cohort.py", "self._settings.setValue(COHORT", "str((COHORT"),
    "doubt about the patient not said": (
        "nearest_cohort.py",
        "tell(self._ui.nearestCohortNote, ask if asked",
        "tell(self._ui.nearestCohortNote, fault if asked",
    ),
    "nothing larger": ("nearest_cases.py", '"itemSelectionChanged()"', '"cellEntered(int,int)"'),
    "nothing forgotten": ("nearest_cases.py", "shutil.rmtree(folder)", "pass"),
    "search begun without a cohort": (
        "nearest_cases.py",
        "not running and self._cohort.folder is not None and",
        "not running and",
    ),
}
READERS = {
    "written without a question": ("second_reader.py", "elif slicer.util.confirmOkCancelDisplay(", "elif str("),
    "written before the question": ("second_reader.py", "_words(), write=False)", "_words(), write=True)"),
    "another case opened": ("second_reader.py", "differencesTable.item(row, 0)", "differencesTable.item(row, 1)"),
    "another reader counts": ("second_reader.py", "itemData(self.ui.countsBox.currentIndex)", "itemData(2)"),
    "not compared again": ("second_reader.py", "        self._on_written()\n        self.refresh()\n", ""),
    "signal misspelt": ("second_reader.py", '"contentsCollapsed(bool)"', '"contentsCollapse(bool)"'),
}
"""File among the parts of the panels, what stands there, what is planted in its place."""


@pytest.fixture
def own(desk, tmp_path, monkeypatch):
    """Nothing is kept of any cohort, and nobody on this computer has captured anything."""
    import slicer

    import HCCAssistLib.panels as package

    for name in ("SCORED", "PATIENTS", "TRAINING", "PROFILES", "SCANS"):
        monkeypatch.setenv(f"HCCASSIST_{name}", str(tmp_path / name.lower()))
    slicer.app.settings().remove("HCCAssist/Cohort")
    forget(package)
    yield
    monkeypatch.undo()
    forget(package)
    slicer.app.settings().clear()


def look_for_neighbours(desk, folder, kept):
    """A reader classifies two masses and looks at the nearest cases; the Python widget."""
    mass_reading.load_phases()
    widget = desk.open(mass_reading.MODULE)
    mass_reading.mark(widget, *mass_reading.PLACES)
    mass_reading.classify(desk, widget)
    widget.ui.nearestSection.collapsed = False
    desk.process_events()
    test_desk_nearest.test_cases_of_other_patients_stand_beside_a_mass_and_come_at_once_the_second_time(
        desk, widget, folder, kept
    )
    return widget


def let_one_count(desk, folder):
    """Somebody compares two readers and lets one of them count; the Python widget."""
    widget = desk.open(training_reading.MODULE)
    test_desk_second_reader.test_readers_are_compared_and_one_of_them_counts_after_a_question(desk, widget, folder)
    return widget


@pytest.mark.filterwarnings("ignore:does not have observer")
@pytest.mark.parametrize("mistake", some_of(NEAREST))
def test_a_mistake_beside_a_finding_is_caught(desk, own_model, own, cohort, tmp_path, monkeypatch, mistake):
    folder = tmp_path / "panels"
    folder.mkdir()
    Planted(NEAREST[mistake], folder, monkeypatch)
    assert noticed(desk, lambda: look_for_neighbours(desk, cohort, tmp_path)), f"nobody noticed: {mistake}"


@pytest.mark.filterwarnings("ignore:does not have observer")
@pytest.mark.parametrize("mistake", some_of(READERS))
def test_a_mistake_between_readers_is_caught(desk, own, readers, tmp_path, monkeypatch, mistake):
    folder = tmp_path / "panels"
    folder.mkdir()
    Planted(READERS[mistake], folder, monkeypatch)
    assert noticed(desk, lambda: let_one_count(desk, readers)), f"nobody noticed: {mistake}"
