"""A liver with tumours that are known everywhere, sampled on any grid; a small frozen backbone; models."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import write_cohort_table
from HCCAssistLib.cohort.finding_labels import findings_of_segments
from HCCAssistLib.cohort.segments import Segment, write_segments
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.loaded_model import LoadedModel, load_model
from HCCAssistLib.inference.study import Study
from HCCAssistLib.models.package import write_package
from HCCAssistLib.recipes.tace.network import build
from HCCAssistLib.recipes.tace.recipe import ARTERIAL, RESPONSES, TACE, TUMOURS

Place = tuple[float, float, float]

HALF_AXES = np.array([22.0, 18.0, 14.0])
"""Of a tumour, in mm along left, posterior and superior: the square inscribed in its middle has 27.9 mm."""

SLOPE = np.array([2.6, 1.1, 0.5])
"""HU per mm along the same: what lies between voxels is known, and no mirror image is like another."""

CENTER: Place = (12.0, -7.0, 4.0)
SHA = "ab" * 32


def hounsfield(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The body at places ``(..., 3)``, LPS mm: an ellipse of 170 x 130 mm in air, brighter to the left and back."""
    inside = (places[..., 0] / 85) ** 2 + (places[..., 1] / 65) ** 2 < 1
    return np.where(inside, 60 + ((places - np.array(CENTER)) @ SLOPE).clip(-190, 170), -1000.0)


def places_of(geometry: Geometry) -> npt.NDArray[np.float64]:
    k, j, i = np.indices(geometry.shape)
    return geometry.to_world(np.stack([i, j, k], -1))


def volume(geometry: Geometry, noise: float = 0.0, seed: int = 0) -> Image:
    values = hounsfield(places_of(geometry))
    values += noise * np.random.default_rng(seed).standard_normal(values.shape)
    return Image(np.rint(values).astype(np.int16), geometry, "case-1")


def segment(geometry: Geometry, center: Place = CENTER, scale: float = 1.0, name: str = "T1", **tags: str) -> Segment:
    away = (places_of(geometry) - np.array(center)) / (HALF_AXES * scale)
    inside = (away**2).sum(axis=-1) <= 1
    return Segment(name, Image(inside.astype(np.uint8), geometry), tags)


def grid(
    spacing: Place = (0.9, 0.9, 2.5), turned: npt.ArrayLike | None = None, mm: Place = (190.0, 150.0, 60.0)
) -> Geometry:
    """A grid around the origin that holds the body; ``turned`` are its axes in LPS, as columns."""
    axes = np.eye(3) if turned is None else np.asarray(turned, dtype=float)
    need = np.abs(axes).T @ np.array(mm)
    size = np.ceil(need / spacing).astype(int) + 1
    origin = axes @ (-(size - 1) * np.array(spacing) / 2)
    return Geometry.from_parts(tuple(int(n) for n in size[::-1]), spacing, origin.tolist(), axes)


def study(geometry: Geometry | None = None, segments: Sequence[Segment] | None = None, **more: Any) -> Study:
    geometry = geometry or grid()
    return marked(Study("case-1", {ARTERIAL: volume(geometry)}, **more), segments or [segment(geometry)])


def marked(one: Study, segments: Sequence[Segment]) -> Study:
    """The study with other segments."""
    findings, problems = findings_of_segments(segments, None)
    assert not problems
    return replace(one, findings={TUMOURS: findings})


def case(response: str = "PR", split: str = "train", name: str = "case-1") -> Case:
    return Case(name, f"patient of {name}", split, {"response": response}, Path(name))


def write_toy_cohort(folder: Path, splits: Sequence[str]) -> Path:
    """A case of each response in turn: the tumour of each has a brightness of its own."""
    rows = []
    for number, split in enumerate(splits):
        response, geometry = list(RESPONSES)[number % 4], grid((1.5, 1.5, 4.0))
        drawn = segment(geometry, scale=0.9 + 0.02 * number)
        image = volume(geometry, noise=5.0, seed=number)
        brighter = 45 * (number % 4) * (places_of(geometry)[..., 0] > CENTER[0]) * drawn.mask.array
        time_point = folder / "cases" / f"case-{number}" / "pre"
        time_point.mkdir(parents=True)
        write_image(image.with_array((image.array + brighter).astype(np.int16), "toy"), time_point / "arterial.nrrd")
        write_segments([drawn], time_point / "tumour.seg.nrrd")
        rows.append({"case_id": f"case-{number}", "split": split, "response": response, "synthetic": "1"})
    write_cohort_table(folder, rows)
    return folder


class StandIn(nn.Module):
    """A random network of the shape of a backbone, with running statistics that training mode would move."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 6, 8, stride=8), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 2048, 4, stride=4), nn.ReLU()
        )
        with torch.no_grad():
            self.layers[1].running_mean.normal_(0, 0.1)
            self.layers[1].running_var.uniform_(0.01, 0.1)

    first_center = 15.5

    def features(self, x: Tensor) -> Tensor:
        found: Tensor = self.layers(x)
        return found

    def pooled(self, maps: Tensor) -> Tensor:
        return maps.mean(dim=(2, 3))


def install(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """A small network in the place of the installed ResNet-50."""
    torch.manual_seed(5)
    backbone = StandIn().eval()
    for module in ("sampling", "prediction"):
        monkeypatch.setattr(f"HCCAssistLib.recipes.tace.{module}.backbone_of", lambda *_, **__: backbone)
    return backbone


def model(folder: Path, *, members: int = 1, training: Mapping[str, Any] | None = None, **options: Any) -> LoadedModel:
    """A model with random weights, of a layer behind the backbone where nothing else is said."""
    chosen = TACE.resolve({"backbone": SHA, **options})
    weights = []
    for seed in range(members):
        torch.manual_seed(seed)
        weights.append({"": build(chosen).state_dict()})
    package = write_package(
        folder / "toy",
        weights,
        name="toy",
        recipe=TACE,
        options=chosen,
        input_spec={},
        training=dict(training or {}),
        software={},
    )
    return load_model(package)
