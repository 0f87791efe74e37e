"""Views on the desk: what Slicer's displayable managers draw, and what a mouse does to them."""

from __future__ import annotations

import numpy as np
import pytest
from reading import LESION_RAS, load_ct, position_in_view


def test_every_slice_view_shows_the_lesion_where_it_is(desk):
    from slicer_desk.views import pixels

    load_ct()
    desk.process_events()
    for name in desk.layout_manager.sliceViewNames():
        picture = pixels(desk.layout_manager.sliceWidget(name).sliceView())[..., 0].astype(int)
        column, row = position_in_view(desk, name, LESION_RAS)
        bright = np.argwhere(picture > 140)
        assert len(bright) > 100
        assert np.abs(bright.mean(axis=0) - (row, column)).max() < 4, name
    assert len(np.unique(pixels(desk.layout_manager.threeDWidget(0).threeDView()))) > 10


def test_a_click_in_place_mode_puts_a_point_where_the_mouse_was(desk):
    import slicer

    load_ct()
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "F")
    place = slicer.qSlicerMarkupsPlaceWidget()
    place.setMRMLScene(slicer.mrmlScene)
    place.setCurrentNode(points)
    place.placeModePersistency = True
    place.setPlaceModeEnabled(True)
    for name in ("Red", "Yellow", "Green"):
        desk.click_in_view(name, LESION_RAS)
    assert place.placeModeEnabled
    place.setPlaceModeEnabled(False)
    assert points.GetNumberOfDefinedControlPoints() == 3
    for index in range(3):
        np.testing.assert_allclose(points.GetNthControlPointPositionWorld(index), LESION_RAS, atol=1.0)


def test_a_click_outside_place_mode_puts_nothing(desk):
    import slicer

    load_ct()
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "F")
    desk.click_in_view("Red", LESION_RAS)
    assert points.GetNumberOfControlPoints() == 0


def test_a_point_on_another_slice_cannot_be_clicked(desk):
    load_ct()
    with pytest.raises(AssertionError, match="not shown in the Red view"):
        desk.click_in_view("Red", (21, -14, 20))


def test_the_wheel_moves_through_the_slices(desk):
    from PySide6 import QtCore, QtGui

    load_ct()
    widget = desk.layout_manager.sliceWidget("Red")
    before = widget.sliceLogic().GetSliceOffset()
    view = widget.sliceView()
    center = QtCore.QPointF(view.rect.center())
    wheel = QtGui.QWheelEvent(
        center,
        center,
        QtCore.QPoint(),
        QtCore.QPoint(0, 120),
        QtCore.Qt.MouseButton.NoButton,
        QtCore.Qt.KeyboardModifier.NoModifier,
        QtCore.Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QtCore.QCoreApplication.sendEvent(view, wheel)
    assert abs(widget.sliceLogic().GetSliceOffset() - before) == pytest.approx(4.0)


def test_a_layout_shows_its_views_and_an_unknown_one_is_refused(desk):
    manager = desk.layout_manager
    manager.setLayout(6)
    assert manager.sliceWidget("Red").visible
    assert not manager.sliceWidget("Green").visible
    manager.setLayout(3)
    assert manager.sliceWidget("Green").visible
    with pytest.raises(NotImplementedError):
        manager.setLayout(99)


def test_slicers_own_helpers_find_the_desk(desk):
    import slicer

    volume = load_ct()
    slicer.util.setSliceViewerLayers(foreground=volume, foregroundOpacity=0.4)
    for name in desk.layout_manager.sliceViewNames():
        composite = slicer.app.layoutManager().sliceWidget(name).mrmlSliceCompositeNode()
        assert composite.GetForegroundVolumeID() == volume.GetID()
        assert composite.GetForegroundOpacity() == 0.4
    slicer.util.resetSliceViews()
    slicer.util.resetThreeDViews()


def test_a_picture_of_another_size_leaves_the_views_of_the_next_test_as_they_were(desk):
    import slicer
    from slicer_desk.views import pixels

    slicer.app._host.slice_view("Red", (200, 700))
    desk.tidy()
    load_ct()
    desk.process_events()
    view = desk.layout_manager.sliceWidget("Red").sliceView()
    bright = np.argwhere(pixels(view)[..., 0] > 140)
    column, row = position_in_view(desk, "Red", LESION_RAS)
    assert np.abs(bright.mean(axis=0) - (row, column)).max() < 4
