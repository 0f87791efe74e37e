"""Survival of the training cohort by risk group, with the group of this patient: a plot and the numbers at risk."""

from __future__ import annotations

import html
import json
from typing import Any

import slicer
from slicer.i18n import tr as _

from HCCAssistLib.errors import InputError
from HCCAssistLib.models.caveats import counts
from HCCAssistLib.models.curves import curves_of
from HCCAssistLib.panels.part import Part, Shared
from HCCAssistLib.panels.tables import fill, fit, prepare
from HCCAssistLib.panels.ui_files import load, tell
from HCCAssistLib.scene.survival_plot import ABOUT, COLORS, at_risk_of, chart_of, draw_survival


class SurvivalPart(Part):
    """Kaplan-Meier curves from the model that made the result; they are kept with the result in the scene.

    Args:
        shared: of the panel.
    """

    def __init__(self, shared: Shared) -> None:
        self._session, self._package = shared.session, shared.package
        self._node: Any = None
        self._view_node: Any = None
        self._shown: Any = None
        self.ui = load("survival_part", shared.sections.resultsButton.layout())
        self._plot = slicer.qMRMLPlotView()
        self._plot.objectName = "survivalPlot"
        self._plot.setMinimumSize(200, 230)
        self.ui.survivalPlace.layout().addWidget(self._plot)
        self._plot.setMRMLScene(slicer.mrmlScene)
        vars(self.ui)["survivalPlot"] = self._plot
        self.refresh()

    def bind(self, node: Any | None) -> None:
        """The view of the plot belongs to this node."""
        self._node, self._shown = node, None
        if node is None:
            self._plot.setMRMLPlotViewNode(None)
            self._view_node = None

    def refresh(self) -> None:
        """Show the curves of the result that is shown."""
        review = self._session.current
        if review is None or self._node is None:
            self.ui.SurvivalPart.visible = False
            return
        record, problem = review.drawn.record, ""
        if self._shown is not record:
            if chart_of(record) is None:
                problem = self._draw(review)
            self._shown = record
            self._show(record, problem)
        self.ui.SurvivalPart.visible = True

    def close(self) -> None:
        """The panel goes."""
        self._plot.setMRMLPlotViewNode(None)
        self._plot.setMRMLScene(None)

    def _draw(self, review: Any) -> str:
        """Draw the curves that the result names; why there are none, in a sentence."""
        result = review.result
        if not result.curve or result.group is None:
            return str(_("The model brings no survival curves of its training."))
        package = self._package(result.run)
        if package is None:
            return str(_("The model of this result is not installed, so its survival curves are not known."))
        try:
            curve = curves_of(package).get(result.curve)
        except InputError as error:
            return str(error)
        if curve is None or result.group not in curve.groups:
            return str(_("The model brings no survival curve of this group."))
        made_up, real = counts(package.card.training)
        draw_survival(curve, result.group, review.drawn.record, slicer.mrmlScene, synthetic=bool(made_up and not real))
        return ""

    def _show(self, record: Any, problem: str) -> None:
        chart, rows = chart_of(record), at_risk_of(record)
        ui = self.ui
        self._plot.visible = ui.atRiskTable.visible = ui.curveLabel.visible = chart is not None and len(rows) > 1
        tell(ui.survivalProblem, problem)
        if chart is None or len(rows) < 2:
            return
        self._view().SetPlotChartNodeID(chart.GetID())
        about = json.loads(chart.GetAttribute(ABOUT))
        ui.curveLabel.text = _about(about)
        prepare(ui.atRiskTable, [_("at risk, months"), *rows[0][1:]], stretched=0)
        ui.atRiskTable.setRowCount(len(rows) - 1)
        for row, cells in enumerate(rows[1:]):
            fill(ui.atRiskTable, row, cells, bold=cells[0].startswith(about["group"]))
        fit(ui.atRiskTable)

    def _view(self) -> Any:
        """The node of the plot's view, outside of the layout and of saved scenes."""
        if self._view_node is None or self._view_node.GetScene() is None:
            node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLPlotViewNode")
            node.UnRegister(None)
            node.SetName("HCCAssist survival")
            node.SetLayoutName(f"HCCAssistSurvival{self._session.recipe.id}")
            node.SetSaveWithScene(False)
            node.SetAndObserveParentLayoutNodeID(self._node.GetID())
            self._view_node = slicer.mrmlScene.AddNode(node)
            self._plot.setMRMLPlotViewNode(self._view_node)
        return self._view_node


def _about(about: dict[str, Any]) -> str:
    """What the curves are, with the groups in their colours."""
    names = {"high": _("high risk"), "low": _("low risk")}
    groups = [
        f"<span style='color:#{''.join(f'{round(255 * part):02x}' for part in COLORS[name])}'><b>\N{BLACK SQUARE} "
        f"{html.escape(words)}{html.escape(_(', this group') if name == about['group'] else '')}</b></span>"
        for name, words in names.items()
    ]
    p = about["p"]
    rank = "" if p is None else _("; log-rank P {p}").format(p="< 0.001" if p < 0.001 else f"{p:.3f}")
    text = _("Patients in these groups, not this patient's course. From {n} {patients}: {source}{rank}.")
    patients = _("synthetic patients") if about.get("synthetic") else _("patients")
    told = text.format(n=about["n"], patients=patients, source=about["source"], rank=rank)
    return f"{' &nbsp; '.join(groups)}<br>{html.escape(told)}"
