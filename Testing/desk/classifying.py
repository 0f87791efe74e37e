"""A reader at work with the panel of a classification, whose results are made up: what its tests share."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.jobs.events import Event
from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.results.category_set import CategorySet
from HCCAssistLib.results.classification import ClassificationResult, Finding
from HCCAssistLib.results.run_record import RunRecord

UI = Path(__file__).parents[2] / "HCCAssist" / "HCCMassClassification" / "Resources" / "UI" / "HCCMassClassification.ui"
MASS = get_recipe("liver-mass")
PHASES = ("unenhanced", "arterial", "delayed")
SHAPE, SPACING, ORIGIN = (24, 60, 64), (1.5, 1.5, 4.0), (-48.0, -45.0, -44.0)
PLACES = ((-20.0, 10.0, 4.0), (16.0, -12.0, -8.0), (5.0, 20.0, 24.0))
"""LPS of three masses."""


def phase(name: str, shift: float = 0.0) -> Image:
    """Soft tissue with three balls of 8 mm; another brightness in each phase."""
    grid = Geometry.from_parts(SHAPE, SPACING, (ORIGIN[0], ORIGIN[1], ORIGIN[2] + shift), np.eye(3))
    k, j, i = np.indices(SHAPE)
    places = grid.to_world(np.stack([i, j, k], axis=-1))
    near = np.min([np.linalg.norm(places - place, axis=-1) for place in PLACES], axis=0)
    bright = {"unenhanced": 20, "arterial": 90, "delayed": -20}[name]
    return Image((np.where(near < 8, 60 + bright, 60) + k % 3 - 1000 * (i == 0)).astype(np.int16), grid, name)


def load_phases(*names: str) -> dict[str, Any]:
    """The phases in the scene, each confirmed."""
    import slicer

    from HCCAssistLib.scene.roles import set_role
    from HCCAssistLib.scene.volumes import volume_from_image

    found = {}
    for name in names or PHASES:
        found[name] = volume_from_image(phase(name), slicer.mrmlScene, f"CT {name}", None)
        set_role(found[name], f"baseline/{name}")
    return found


def add_points(*places: tuple[float, float, float]) -> Any:
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Masses")
    for number, (x, y, z) in enumerate(places or PLACES, 1):
        node.AddControlPoint(-x, -y, z, f"M{number}")
    return node


SCORES = (
    {"A": 0.70, "B": 0.15, "C": 0.05, "D": 0.05, "E": 0.05},
    {"A": 0.30, "B": 0.35, "C": 0.15, "D": 0.10, "E": 0.10},
    {"A": 0.01, "B": 0.01, "C": 0.03, "D": 0.05, "E": 0.90},
)
SESSIONS = tuple(
    ({**one, "A": one["B"], "B": one["A"]}, one) if number == 1 else (one,) * 2 for number, one in enumerate(SCORES)
)

SETS = (
    CategorySet({"A": 0.6, "B": 0.3, "C": 0.02, "D": 0.02, "E": 0.02}, 0.4, 0.9, 412, 105),
    None,
    CategorySet({"A": 0.01, "B": 0.01, "C": 0.02, "D": 0.02, "E": 0.7}, 0.01, 0.9, 412, 105),
)
"""Of a calibrated model; the second mass is that of another one."""


def result_of(study: Any, *, model: str = "triphasic") -> ClassificationResult:
    """A result of what a run was given: its findings by their order, and heat round the first in each phase."""
    listed = [finding for findings in study.findings.values() for finding in findings]
    grids = {place: image.geometry for place, image in study.volumes.items()}
    first = next(iter(grids.values()))
    findings = []
    for number, one in enumerate(listed):
        index = round(float(first.to_index(one.center)[2]))
        box = Box(one.center, (40.0, 40.0, 4.0))
        size = one.size_mm if np.isfinite(one.size_mm) else None
        scores, each = SCORES[number % 3], SESSIONS[number % 3]
        of_set = SETS[number % 3]
        findings.append(Finding(number + 1, one.name, one.center, scores, box, index, each, size, category_set=of_set))
    heat = {}
    for place, grid in grids.items():
        part = grid.crop((4, 4, 4), (16, 50, 50))
        k, j, i = np.indices(part.shape)
        away = np.linalg.norm(part.to_world(np.stack([i, j, k], axis=-1)) - listed[0].center, axis=-1)
        heat[place] = Image(np.exp(-((away / 10.0) ** 2)).astype(np.float32), part)
    run = RunRecord("liver-mass", {}, model, ("0" * 64,), {}, "cpu", study.digests(), 1.5)
    groups = {"malignant": ("A", "B")}
    return ClassificationResult(MASS.label.names, tuple(findings), grids, run, groups, heatmaps=heat)


class Ready:
    """An executor that makes up the result of what it is given."""

    devices = ("cpu",)

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.study: Any = None
        self.request: Any = None
        self.jobs = 0

    def warm_up(self) -> None:
        self.events.append(Event(0, "ready"))

    def submit(self, study: Any, request: Any) -> int:
        self.jobs += 1
        self.study, self.request = study(), request
        self.events.append(Event(self.jobs, "done", 1.0, result=result_of(self.study, model=request.model.name)))
        return self.jobs

    def poll(self) -> list[Event]:
        return [self.events.pop(0)] if self.events else []

    def cancel(self, job: int) -> None:
        self.events = [Event(job, "cancelled")]

    def close(self) -> None:
        pass


def card(phases: str) -> ModelCard:
    training = {"trained_on": {"synthetic": 0, "patients": 40}}
    return ModelCard(
        phases, MASS.id, MASS.resolve({"phases": phases}), {}, training, {}, {"weights-0.safetensors": "0" * 64}
    )


class Store:
    """Installed models by the phases that they see."""

    def __init__(self, *phases: str) -> None:
        self.cards = [card(one) for one in phases or ("arterial", "triphasic", "arterial-delayed", "unenhanced")]

    def offered(self) -> list[Any]:
        return [SimpleNamespace(name=one.name, card=one, comes_along=False) for one in self.cards]

    def card(self, name: str) -> ModelCard | None:
        return next((one for one in self.cards if one.name == name), None)

    def find(self, name: str) -> Path:
        return Path("models") / name


class Reading:
    """The panel of the liver masses, opened as a module opens it.

    Attributes:
        panel: the shared parts together.
        ui: their widgets.
        executor: of the session.
    """

    def __init__(self, desk: Any, *stored: str) -> None:
        import qt
        import slicer

        from HCCAssistLib.panels.classification_columns import classification_columns
        from HCCAssistLib.panels.inference import InferencePanel
        from HCCAssistLib.panels.method import Method
        from HCCAssistLib.panels.phase_views import PhaseViews
        from HCCAssistLib.scene.session import Session

        self.desk, self.executor = desk, Ready()
        self.holder = qt.QWidget()
        layout = qt.QVBoxLayout(self.holder)
        top = slicer.util.loadUI(str(UI))
        layout.addWidget(top)
        groups = {"malignant": ("A", "B")}
        columns = partial(classification_columns, categories=MASS.label.names, groups=groups, sets=True)
        method = Method(recipe=MASS, inputs=MASS.inputs, verb="Classify", columns=columns, added=(PhaseViews,))
        self.session = Session(MASS, self.executor)
        self.settings: dict[str, Any] = {"HCCAssist/Reader": "R1"}
        settings = SimpleNamespace(
            value=lambda key, other="": self.settings.get(key, other),
            setValue=lambda key, value: self.settings.__setitem__(key, value),
        )
        self.panel = InferencePanel(
            slicer.util.childWidgetVariables(top),
            method=method,
            session=self.session,
            store=Store(*stored),
            window=desk.window,
            settings=settings,
        )
        self.ui = self.panel.ui
        self.holder.resize(450, 900)
        self.holder.show()
        self.panel.enter()
        self.node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "masses")
        self.panel.bind(self.node)
        self.panel.display(boxes=True, heat=False, opacity=0.6)

    def classify(self) -> None:
        """Press Classify and wait for the end."""
        self.ui.inputsButton.collapsed = self.ui.detectionButton.collapsed = False
        self.desk.click(self.ui.runButton)
        self.desk.wait_until(lambda: not self.session.running, 30)

    def close(self) -> None:
        self.panel.leave()
        self.panel.close()
        self.holder.hide()
        self.holder.deleteLater()


def findings(reading: Reading) -> dict[int, Any]:
    return {one.number: one for one in reading.session.current.result.findings}
