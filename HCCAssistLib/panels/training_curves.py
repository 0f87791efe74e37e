"""The loss of a training by epoch, as it comes: a plot, and which network has which colour."""

from __future__ import annotations

import html
from typing import Any

import slicer
from slicer.i18n import tr as _

from HCCAssistLib.jobs.runs.trainings import TrainingSummary
from HCCAssistLib.panels.training_words import member_words
from HCCAssistLib.scene.training_plot import (
    MOST,
    Curves,
    chart_of_training,
    color_of,
    draw_training,
    forget_training,
)


class TrainingCurves:
    """A view of the plot of the training that a person looks at.

    Args:
        place: layout to be added to.
        legend: label below it.
    """

    def __init__(self, place: Any, legend: Any) -> None:
        self._legend = legend
        self._node: Any = None
        self._view_node: Any = None
        self._key: tuple[Any, ...] = ()  # of what is drawn
        self.plot = slicer.qMRMLPlotView()
        self.plot.objectName = "trainingPlot"
        self.plot.setMinimumSize(200, 220)
        place.addWidget(self.plot)
        self.plot.setMRMLScene(slicer.mrmlScene)
        self.show(None, {})

    def bind(self, node: Any | None) -> None:
        """The view belongs to this node of the scene; to none where the scene closes or the panel is left."""
        self._node = node
        if node is None:
            self.plot.setMRMLPlotViewNode(None)
            self._view_node = None

    def show(self, training: TrainingSummary | None, curves: Curves) -> None:
        """Draw what is known of a training; what was drawn of another one goes."""
        scene, asked = slicer.mrmlScene, training.training if training is not None else None
        key = (asked.id if asked else "", *((name, len(epochs)) for name, epochs in curves.items()))
        chart = chart_of_training(asked.id, scene) if asked else None
        if key == self._key and chart is not None and self._view_node is not None:
            return  # nothing new, and a reader may have zoomed in
        self._key = key
        forget_training(scene, but=asked.id if asked else "")
        chart = None
        if asked is not None and self._node is not None and any(curves.values()):
            chart = draw_training(asked.id, asked.name, curves, scene)
            if chart is not None:
                self._view().SetPlotChartNodeID(chart.GetID())
                self.plot.fitToContent()
        self.plot.visible = self._legend.visible = chart is not None
        self._legend.text = _legend(curves) if chart is not None else ""

    def close(self) -> None:
        """The panel goes."""
        forget_training(slicer.mrmlScene)
        self.plot.setMRMLPlotViewNode(None)
        self.plot.setMRMLScene(None)

    def _view(self) -> Any:
        """The node of the plot's view, outside of the layout and of saved scenes."""
        if self._view_node is None or self._view_node.GetScene() is None:
            node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLPlotViewNode")
            node.UnRegister(None)
            node.SetName("HCCAssist training")
            node.SetLayoutName("HCCAssistTraining")
            node.SetSaveWithScene(False)
            node.SetAndObserveParentLayoutNodeID(self._node.GetID())
            self._view_node = slicer.mrmlScene.AddNode(node)
            self.plot.setMRMLPlotViewNode(self._view_node)
        return self._view_node


def _legend(curves: Curves) -> str:
    """Networks in their colours, and what the lines are."""
    names = list(curves)[:MOST]
    each = " &nbsp; ".join(
        f"<span style='color:#{''.join(f'{round(255 * part):02x}' for part in color_of(number))}'>"
        f"<b>\N{BLACK SQUARE}</b></span> {html.escape(member_words(name) if len(curves) > 1 else _('the network'))}"
        for number, name in enumerate(names)
    )
    text = _("Solid: patients held out for validation. Dashed: patients learned from.")
    if len(curves) > MOST:
        text += " " + _("The first {n} of {all} networks are drawn.").format(n=MOST, all=len(curves))
    return f"{each}<br>{html.escape(text)}"
