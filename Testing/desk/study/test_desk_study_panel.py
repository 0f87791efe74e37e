"""The panel as a whole: quick to open, no harm when it is left."""

from __future__ import annotations

import shutil
import time

import numpy as np
import pytest
from studying import MODULE, STALL_S, rest, volume

pytestmark = pytest.mark.usefixtures("small_view")


def test_opening_and_reading_are_quick(desk, package, home):
    """Also with models and many volumes; what is measured is the panel's own work."""
    for number in range(5):
        volume(f"{number}: arterial")
    shutil.copytree(package, home / "models" / "blobs")
    widget = desk.open(MODULE)
    rest(desk, widget, 60)
    for part in (widget.packages, widget.models, widget.roles, widget.sample, widget.goOn):
        began = time.perf_counter()
        part.refresh()
        assert time.perf_counter() - began < STALL_S, type(part).__name__
    assert np.all([row.label.height > 0 for row in widget.roles.rows])


def test_a_closed_scene_and_a_left_panel_do_no_harm(desk, panel):
    import slicer

    volume("arterial")
    desk.process_events()
    slicer.mrmlScene.Clear(False)
    rest(desk, panel)
    assert panel.roles.rows == []
    desk.panel.exit()
    slicer.mrmlScene.Clear(False)
    volume("arterial")
    desk.process_events()
    desk.panel.enter()
    rest(desk, panel)
    assert len(panel.roles.rows) == 1
