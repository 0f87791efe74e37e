"""Tests of the tests: mistakes planted into the example module must make the reader's work fail on the desk."""

from __future__ import annotations

import shutil
import sys

import pytest
from reading import EXAMPLE, mark_and_count

PY, UI = "DeskExample.py", "Resources/UI/DeskExample.ui"

MISTAKES = {
    "signal misspelt": (PY, '"clicked(bool)"', '"cliked(bool)"'),
    "signal with other arguments": (PY, '"currentNodeChanged(vtkMRMLNode*)"', '"currentNodeChanged(QString)"'),
    "signal of another class": (PY, '"itemSelectionChanged()"', '"selectionChanged()"'),
    "signal of a process misspelt": (PY, "readyReadStandardOutput()", "readyReadStdOutput()"),
    "slot needs too many arguments": (PY, "def onApply(self):", "def onApply(self, one, two):"),
    "property misspelt": (PY, "applyButton.enabled = ready", "applyButton.enabld = ready"),
    "property of another type": (PY, "progressBar.value = 0", "progressBar.value = 'none'"),
    "None into a property": (PY, "applyButton.enabled = ready and self.process is None", "applyButton.enabled = None"),
    "property called like a method": (PY, "count=self.ui.table.rowCount", "count=self.ui.table.rowCount()"),
    "method that PythonQt does not offer": (
        PY,
        "self.logic = DeskExampleLogic()",
        "self.ui.radiusSlider.setMinimum(0)",
    ),
    "widget misspelt": (PY, "self.ui.resultLabel", "self.ui.resultLabl"),
    "MRML method misspelt": (PY, "box.SetLocked(True)", "box.SetLock(True)"),
    "MRML class misspelt": (PY, "vtkMRMLMarkupsROINode", "vtkMRMLMarkupsRoiNode"),
    "sign of an axis": (PY, "box.SetCenter(place)", "box.SetCenter(-place[0], -place[1], place[2])"),
    "radius for diameter": (PY, "2 * radius, 2 * radius, 2 * radius", "radius, radius, radius"),
    "exception in a slot": (PY, "def onRow(self):\n", "def onRow(self):\n        self.missing\n"),
    "wrong index in a slot": (PY, "line.split()[1]", "line.split()[2]"),
    "jump to the wrong place": (PY, "*seeds.GetNthControlPointPositionWorld(number)", "0, 0, 0"),
    "button enabled too soon": (
        PY,
        "ready = bool(self._parameterNode.volume and self._parameterNode.seeds)",
        "ready = 1",
    ),
    "parameter without limits on a slider": (PY, "Annotated[float, WithinRange(1, 50)]", "float"),
    "parameter without choices on a box": (PY, 'Annotated[str, Choice(["fast", "fine"])]', "str"),
    "default outside the limits": (PY, "= 12.0", "= 120.0"),
    "observer kept after the panel is closed": (PY, "        self.removeObservers()", "        pass"),
    "process that cannot start": (PY, "sys.executable, [", "'no-such-program', ["),
    "parameter misspelt in the .ui": (UI, "<string>seeds</string>", "<string>seed</string>"),
    "parameter forgotten in the .ui": (
        UI,
        '<property name="SlicerParameterName" stdset="0"><string>radius',
        "<x><string>",
    ),
    "class misspelt in the .ui": (UI, "ctkSliderWidget", "ctkSlidrWidget"),
    "receiver misspelt in the .ui": (UI, "<receiver>placeWidget", "<receiver>placeWidgt"),
    "connection forgotten in the .ui": (UI, "<receiver>seedSelector", "<receiver>volumeSelector"),
}
"""File, what stands there, what is planted in its place."""


def planted(mistake, folder):
    file, right, wrong = MISTAKES[mistake]
    shutil.copytree(EXAMPLE.parent, folder / "DeskExample")
    path = folder / "DeskExample" / file
    text = path.read_text(encoding="utf-8")
    assert right in text, "the example changed: adapt this mistake"
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    return folder / "DeskExample" / PY


@pytest.mark.filterwarnings("ignore:does not have observer")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_caught(desk, tmp_path, mistake, monkeypatch):
    import slicer
    from slicer_desk import faults

    monkeypatch.setattr(desk, "wait_until", lambda condition, seconds=2.0: type(desk).wait_until(desk, condition, 2.0))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    desk.layout_manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)  # faster
    caught, widget = [], None
    try:
        widget = mark_and_count(desk, planted(mistake, tmp_path))
    except Exception as error:
        caught.append(repr(error))
    desk.tidy()
    slicer.mrmlScene.Clear(False)  # what still listens is heard now
    caught += faults.take()
    if widget is not None:
        widget.removeObservers()
    sys.path[:] = [folder for folder in sys.path if not folder.startswith(str(tmp_path))]
    assert caught, f"nobody noticed: {mistake}"
