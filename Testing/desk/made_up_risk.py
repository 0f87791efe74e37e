"""A reader at work with the recurrence risk after ablation, whose results are made up: what its tests share."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from classifying import Ready
from risk_reading import survival

from HCCAssistLib.errors import Problem
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.jobs.events import Event
from HCCAssistLib.models.package import read_package
from HCCAssistLib.recipes import registry
from HCCAssistLib.recipes.ablation.recipe import ABLATION, PHASES, REGIONS, TIME_POINTS
from HCCAssistLib.registration.registration import Quality, Registration
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.results.risk import ClinicalValue, RiskResult
from HCCAssistLib.results.run_record import RunRecord

CENTERS = {"pre": (14.0, -9.0, 6.0), "post": (21.0, -4.0, 18.0)}
"""Of the tumour and of the zone, LPS mm: the patient lay elsewhere."""

CLINICAL = {"tumour_size_mm": "23.5", "total_protein_g_per_l": "71", "afp_ng_per_ml": "12"}
"""What is known of the patient, besides hepatitis B."""

WORDS = {"pre": "before ablation", "post": "after ablation"}

SHAPE, SPACING = (14, 48, 52), (2.0, 2.4, 4.0)


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe among those of the registry."""
    monkeypatch.setattr(registry, "RECIPES", MappingProxyType({**registry.RECIPES, ABLATION.id: ABLATION}))


def phase(time: str, name: str) -> Image:
    """A body with a ball of 9 mm: no two phases are alike."""
    grid = Geometry.from_parts(SHAPE, SPACING, (-52.0, -57.0, -28.0))
    k, j, i = np.indices(SHAPE)
    places = grid.to_world(np.stack([i, j, k], axis=-1))
    ball = np.linalg.norm(places - CENTERS[time], axis=-1) < 9
    bright = 30 * PHASES.index(name)
    return Image((200 + bright + 2 * k + np.where(ball, 90 - bright, 0)).astype(np.int16), grid, f"{time} {name}")


def load_phases(*times: str, roles: bool = True) -> dict[str, Any]:
    """The MR of some time points with their regions segmented; the nodes by place."""
    import slicer

    from HCCAssistLib.scene.roles import set_role
    from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image

    found: dict[str, Any] = {}
    for time in times or TIME_POINTS:
        for name in PHASES:
            node = volume_from_image(phase(time, name), slicer.mrmlScene, f"MR T1 {name} {WORDS[time]}", None)
            if roles:
                set_role(node, f"{time}/{name}")
            found[f"{time}/{name}"] = node
        grid = phase(time, PHASES[0]).geometry
        k, j, i = np.indices(SHAPE)
        ball = np.linalg.norm(grid.to_world(np.stack([i, j, k], axis=-1)) - CENTERS[time], axis=-1) < 9
        region = REGIONS[time].split("/")[1]
        masks = {region: Image(ball.astype(np.uint8), grid)}
        found[REGIONS[time]] = segmentation_from_masks(
            masks, found[f"{time}/delayed"], slicer.mrmlScene, f"{region} segments", surfaces=False
        )
    return found


def result_of(study: Any, weights: tuple[str, ...] = ("0" * 64,)) -> RiskResult:
    """A risk of what a run was given: from the fullest model that it allows."""
    known = {v.column: float(study.values[v.column]) if v.column in study.values else None for v in ABLATION.variables}
    after = any(place.startswith("post/") for place in study.volumes)
    probabilities = {"dl_clinical": 0.66, **({"prepost": 0.58} if after else {}), "pre": 0.47, "clinical": 0.35}
    contributions = {"signature": 0.24, "tumour_size_mm": 0.09, "afp_ng_per_ml": 0.04, "total_protein_g_per_l": -0.05}
    contributions["tumour_number"] = 0.02
    grids = {place: image.geometry for place, image in study.volumes.items()}
    heat = {}
    for place in grids:
        time = place.split("/")[0]
        if place.endswith("/delayed"):
            part = grids[place].crop((8, 8, 1), (12, 32, 36))
            k, j, i = np.indices(part.shape)
            away = np.linalg.norm(part.to_world(np.stack([i, j, k], axis=-1)) - CENTERS[time], axis=-1)
            heat[place] = Image(np.exp(-((away / 9.0) ** 2)).astype(np.float32), part)
    times = dict.fromkeys(place.split("/")[0] for place in grids)
    moved = Problem("WARN", "it lay 6.2 mm off, and fits no better than its neighbours", "pre/portal", "look at it")
    quality = Quality(0.2, 0.4, 1.1, 1.2, 0.31, 0.62, 3.14, 0.5, 0.1, 1.0)
    laid = {place: Registration(np.eye(4), "rigid", quality=quality).as_json() for place in grids if "del" not in place}
    run = RunRecord(ABLATION.id, ABLATION.resolve({}), "toy", weights, {}, "cpu", study.digests(known), 1.5)
    return RiskResult(
        probabilities,
        "dl_clinical",
        CutOff(0.5, "Youden index on the tuning set, 51 patients"),
        run,
        {place: grid for place, grid in grids.items() if place.endswith("/delayed")},
        boxes={REGIONS[time]: Box(CENTERS[time], (128.0, 128.0, 12.0)) for time in times},
        clinical=tuple(ClinicalValue(column, value, value) for column, value in known.items()),
        contributions=contributions,
        curve="dl_clinical",
        warnings=(moved,) if "pre/portal" in grids else (),
        heatmaps=heat,
        registrations=laid,
    )


class RiskReady(Ready):
    """An executor that makes up the risk of what it is given."""

    def submit(self, study: Any, request: Any) -> int:
        self.jobs += 1
        self.study, self.request = study(), request
        weights = read_package(request.model).weights_sha256
        self.events.append(Event(self.jobs, "done", 1.0, result=result_of(self.study, weights)))
        return self.jobs


def ablation_store(folder: Path) -> Path:
    """A store with a package that looks like one of the method; no network of it is ever built."""
    import torch

    from HCCAssistLib.models.curves import curves_as_json
    from HCCAssistLib.models.package import write_package
    from HCCAssistLib.models.store import ModelStore

    package = write_package(
        folder / "toy",
        [{"": {"weight": torch.zeros(1)}}],
        name="toy",
        recipe=ABLATION,
        options=ABLATION.resolve({}),
        input_spec={},
        training={"trained_on": {"synthetic": 0, "patients": 203}},
        software={},
        cutoffs={"dl_clinical": CutOff(0.5, "chosen before")},
        default_cutoff="dl_clinical",
        extras={"curves.json": curves_as_json({"dl_clinical": survival()})},
    )
    ModelStore(folder / "store").install(package.folder)
    return folder / "store"


def cells(ui: Any) -> dict[str, str]:
    """The cells of the grid by place, without their marks."""
    table = ui.placesTable
    phases = [table.horizontalHeaderItem(n).text() for n in range(table.columnCount)]
    return {
        f"{time}/{phase}": table.item(row, column).text().split("\n")[-1]
        for row, time in enumerate(TIME_POINTS)
        for column, phase in enumerate(phases)
    }


def predict(desk: Any, widget: Any) -> None:
    """Press the button and wait for the result."""
    widget.ui.inputsButton.collapsed = widget.ui.detectionButton.collapsed = False
    desk.click(widget.ui.runButton)
    desk.wait_until(lambda: not widget.logic.session.running, 30)
    assert widget.logic.session.current is not None, widget.ui.statusLabel.text


def work_through(desk: Any, path: Path, executors: list[Any]) -> Any:
    """Open the module, type the clinical values, predict, read all that is told, look at both time points."""
    import slicer

    load_phases()
    widget = desk.open(path)
    ui = widget.ui
    assert widget.logic.recipe.id == ABLATION.id
    assert "Loaded: 4 phases of MR" in widget.chooser.ui.methodLabel.text
    assert set(cells(ui).values()) == {"confirmed"} and len(cells(ui)) == 8
    desk.type(ui.clinical_total_protein_g_per_l, "7.1")
    assert "is it in g/dL" in ui.clinicalLabel.text
    for column, text in CLINICAL.items():
        desk.type(getattr(ui, f"clinical_{column}"), text.replace(".", ","))
    desk.choose(ui.clinical_hbv, "yes")
    assert widget._parameterNode.parameterNode.GetParameter("clinical afp_ng_per_ml") == "12"
    assert "8 phases confirmed" in ui.readinessLabel.text and "without: number of tumours" in ui.readinessLabel.text
    predict(desk, widget)
    study = next(one.study for one in executors if one.study is not None)
    assert study.values == {**CLINICAL, "hbv": "1"}
    assert len(study.volumes) == 8 and set(study.masks) | set(study.findings) == set(REGIONS.values())
    told = ui.riskLabel.text
    assert "0.66" in told and "<b>high risk</b>" in told and "Youden index on the tuning set, 51 patients" in told
    assert "Decided by: clinical values and the network." in told
    assert "the network, from MR before ablation 0.47; clinical values 0.35" in told
    told = ui.contributionsLabel.text
    assert "Base rate of the training 0.32, +0.34 by the values below, makes 0.66" in told
    assert "+0.24" in told and "-0.05" in told
    assert (
        told.index("Images, by the network") < told.index("Total protein") < told.index("Number of tumours (unknown)")
    )
    told = ui.clinicalUsedLabel.text
    assert "largest tumour 23.5 mm" in told and "hepatitis B yes" in told and "without: number of tumours" in told
    assert (cells(ui)["pre/arterial"], cells(ui)["post/delayed"]) == ("3.1 mm", "confirmed")
    assert "6.2 mm off" in ui.placesTable.item(0, 2).toolTip() and ui.placesTable.item(0, 2).text().startswith("?")
    assert "edges agree by 0.31 before and 0.62 after" in ui.placesTable.item(1, 1).toolTip()
    desk.wait_until(lambda: bool(ui.seenLabel.text), 20)
    assert [getattr(ui, f"seenButton{n}").visible for n in (1, 8, 9)] == [True, True, False], ui.seenLabel.text
    assert ui.seenButton2.text == "Pre\narterial"
    assert not ui.clinicalChangedLabel.text
    ui.inputsButton.collapsed = False
    desk.type(ui.clinical_afp_ng_per_ml, "40")
    assert "Changed since the run: alpha-fetoprotein." in ui.clinicalChangedLabel.text
    ui.inputsButton.collapsed = True
    (chart,) = slicer.util.getNodesByClass("vtkMRMLPlotChartNode")
    series = [chart.GetNthPlotSeriesNode(n) for n in range(chart.GetNumberOfPlotSeriesNodes())]
    widths = {one.GetName(): one.GetLineWidth() for one in series}
    assert widths["high risk (n = 24), this patient's group"] > widths["low risk (n = 31)"] > widths["low, lower limit"]
    steps = slicer.util.arrayFromTableColumn(series[0].GetTableNode(), "high")
    assert steps[0] == 1.0 and steps[-1] < 0.2 and len(steps) == 41
    table = ui.atRiskTable
    assert [table.horizontalHeaderItem(n).text() for n in range(1, 7)] == ["0", "12", "24", "36", "48", "60"]
    assert [table.item(0, n).text() for n in (0, 1, 3)] == ["high risk", "24", "16"]
    assert table.item(0, 0).font().bold() and not table.item(1, 0).font().bold()
    assert "From 55 patients: held-out parts of 5 folds" in ui.curveLabel.text and "P 0.004" in ui.curveLabel.text
    desk.click(ui.heatCheck)
    assert "follow-up MR" in ui.heatLabel.text and "CT" not in ui.heatLabel.text
    views = [desk.layout_manager.sliceWidget(f"HCCAssist{n}") for n in (1, 2, 3, 4)]
    names = [view.sliceLogic().GetBackgroundLayer().GetVolumeNode().GetName() for view in views]
    assert names == [f"MR T1 {phase} {when}" for when in WORDS.values() for phase in ("arterial", "delayed")]
    offsets = [view.mrmlSliceNode().GetSliceOffset() for view in views]
    np.testing.assert_allclose(offsets, [CENTERS[time][2] for time in ("pre", "pre", "post", "post")], atol=0.1)
    assert [view.mrmlSliceNode().GetViewGroup() for view in views] == [1, 1, 2, 2]
    boxes = widget.logic.session.current.drawn.boxes
    seen = [
        [box.GetDisplayNode().IsDisplayableInView(v.mrmlSliceNode().GetID()) for v in views] for box in boxes.values()
    ]
    assert seen == [[True, True, False, False], [False, False, True, True]], (
        "a box lies in the other time point's views"
    )
    return widget
