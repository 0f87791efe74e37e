"""Tests of the tests: mistakes planted into the example module must make the reader's work fail on the desk.

Those that a panel of the extension can hold too are planted there: see test_desk_ltp_mistakes.py.
"""

from __future__ import annotations

import pytest
from planting import noticed, planted
from reading import EXAMPLE, mark_and_count

PY, UI = "DeskExample.py", "Resources/UI/DeskExample.ui"

MISTAKES = {
    "signal of a process misspelt": (PY, "readyReadStandardOutput()", "readyReadStdOutput()"),
    "None into a property": (PY, "applyButton.enabled = ready and self.process is None", "applyButton.enabled = None"),
    "MRML class misspelt": (PY, "vtkMRMLMarkupsROINode", "vtkMRMLMarkupsRoiNode"),
    "sign of an axis": (PY, "box.SetCenter(place)", "box.SetCenter(-place[0], -place[1], place[2])"),
    "radius for diameter": (PY, "2 * radius, 2 * radius, 2 * radius", "radius, radius, radius"),
    "jump to the wrong place": (PY, "*seeds.GetNthControlPointPositionWorld(number)", "0, 0, 0"),
    "button enabled too soon": (
        PY,
        "ready = bool(self._parameterNode.volume and self._parameterNode.seeds)",
        "ready = 1",
    ),
    "parameter without limits on a slider": (PY, "Annotated[float, WithinRange(1, 50)]", "float"),
    "parameter without choices on a box": (PY, 'Annotated[str, Choice(["fast", "fine"])]', "str"),
    "default outside the limits": (PY, "= 12.0", "= 120.0"),
    "process that cannot start": (PY, "sys.executable, [", "'no-such-program', ["),
    "receiver misspelt in the .ui": (UI, "<receiver>placeWidget", "<receiver>placeWidgt"),
}
"""File, what stands there, what is planted in its place."""


@pytest.mark.filterwarnings("ignore:does not have observer")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_caught(desk, tmp_path, mistake, monkeypatch):
    import slicer

    monkeypatch.setattr(desk, "wait_until", lambda condition, seconds=2.0: type(desk).wait_until(desk, condition, 2.0))
    desk.layout_manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)  # faster
    path = planted(EXAMPLE, MISTAKES[mistake], tmp_path)
    assert noticed(desk, lambda: mark_and_count(desk, path)), f"nobody noticed: {mistake}"
