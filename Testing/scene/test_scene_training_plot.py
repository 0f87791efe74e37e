"""Loss curves of a training as nodes: brought up to date, of one training alone, and never saved."""

from __future__ import annotations

from typing import Any

import pytest

from HCCAssistLib.scene.training_plot import (
    MOST,
    TRAINING,
    chart_of_training,
    draw_training,
    forget_training,
)


def epochs(count: int, stage: str = "final") -> list[dict[str, Any]]:
    return [
        {"stage": stage, "epoch": n, "train_loss": 1 / n, "validation_loss": 0.2 + 1 / n} for n in range(1, count + 1)
    ]


def nodes(scene: Any, kind: str) -> list[Any]:
    found = scene.GetNodesByClass(f"vtkMRML{kind}Node")
    return [found.GetItemAsObject(n) for n in range(found.GetNumberOfItems())]


def values(series: Any) -> list[tuple[float, float]]:
    from vtk.util.numpy_support import vtk_to_numpy

    table = series.GetTableNode().GetTable()
    x, y = (vtk_to_numpy(table.GetColumnByName(name)) for name in (series.GetXColumnName(), series.GetYColumnName()))
    return list(zip(x.tolist(), y.tolist(), strict=True))


def test_curves_grow_in_place_as_epochs_come(scene: Any) -> None:
    assert draw_training("a", "small", {"fold-0-repeat-0": []}, scene) is None
    assert draw_training("a", "small", {}, scene) is None
    assert draw_training("a", "small", {"fold-0-repeat-0": epochs(1)}, scene) is None  # VTK draws no line of one point
    chart = draw_training("a", "small", {"fold-0-repeat-0": epochs(2)}, scene)
    train, validation = nodes(scene, "PlotSeries")
    assert values(train) == [(1, 1.0), (2, 0.5)]
    assert values(validation) == [(1, 1.2), (2, pytest.approx(0.7))]
    assert draw_training("a", "small", {"fold-0-repeat-0": epochs(5)}, scene) is chart
    assert len(nodes(scene, "PlotSeries")) == len(nodes(scene, "Table")) == 2
    assert [epoch for epoch, _ in values(train)] == [1, 2, 3, 4, 5]
    assert chart.GetXAxisRange() == (0.0, 5.0)
    members = {"fold-0-repeat-0": epochs(5), "fold-1-repeat-0": epochs(2)}
    draw_training("a", "small", members, scene)
    assert chart.GetNumberOfPlotSeriesNodes() == 4


def test_a_further_stage_goes_on_counting_and_losses_that_are_no_numbers_are_left_out(scene: Any) -> None:
    history = [*epochs(2, "first"), {"stage": "final", "epoch": 1, "train_loss": float("nan")}, *epochs(1)]
    draw_training("a", "small", {"one": history}, scene)
    train, validation = nodes(scene, "PlotSeries")
    assert [epoch for epoch, _ in values(train)] == [1, 2, 4]
    assert [epoch for epoch, _ in values(validation)] == [1, 2, 4]


def test_only_so_many_networks_are_drawn_as_can_be_told_apart(scene: Any) -> None:
    draw_training("a", "many", {f"fold-{n}": epochs(3) for n in range(20)}, scene)
    series = nodes(scene, "PlotSeries")
    assert len(series) == 2 * MOST
    assert len({tuple(round(part, 3) for part in one.GetColor()) for one in series}) == MOST


def test_what_was_drawn_of_other_trainings_goes_and_nothing_else(scene: Any) -> None:
    other = scene.AddNewNodeByClass("vtkMRMLTableNode", "of the reader")
    draw_training("a", "one", {"m": epochs(3)}, scene)
    draw_training("b", "two", {"m": epochs(3)}, scene)
    forget_training(scene, but="b")
    assert chart_of_training("a", scene) is None
    assert chart_of_training("b", scene) is not None
    assert {node.GetAttribute(TRAINING) for node in nodes(scene, "Table")} == {None, "b"}
    forget_training(scene)
    assert nodes(scene, "Table") == [other]
    assert not nodes(scene, "PlotSeries") and not nodes(scene, "PlotChart")


def test_a_patients_scene_does_not_keep_them(scene: Any) -> None:
    draw_training("a", "one", {"m": epochs(3)}, scene)
    for kind in ("PlotChart", "PlotSeries", "Table"):
        assert all(not node.GetSaveWithScene() and node.GetHideFromEditors() for node in nodes(scene, kind))
