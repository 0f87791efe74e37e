"""Results with their images: an asymmetric body on an oblique, left-handed grid in an odd storage order."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import result_samples

from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.results.detection import Candidate, DetectionResult, Searched
from HCCAssistLib.results.files import AnyResult
from HCCAssistLib.results.risk import RiskResult
from HCCAssistLib.results.run_record import RunRecord
from HCCAssistLib.viewer.contents import shown_volumes

PLACE = "post/arterial"


def turned(about_z: float, about_x: float) -> np.ndarray:
    """A rotation, its columns the turned axes."""
    c, s, d, t = np.cos(about_z), np.sin(about_z), np.cos(about_x), np.sin(about_x)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]) @ np.array([[1, 0, 0], [0, d, -t], [0, t, d]])


STORED = np.array([[0, -1.0, 0], [1.0, 0, 0], [0, 0, -1.0]]).T
"""i runs to anterior, j to the left, k to the feet: left-handed."""

ODD = Geometry.from_parts((18, 44, 60), (1.3, 1.1, 4.0), (40.0, -30.0, 900.0), turned(0.2, 0.3) @ STORED)
STRAIGHT = Geometry.from_parts((18, 60, 44), (1.1, 1.3, 4.0), (-20.0, -60.0, 850.0))


def body(geometry: Geometry, seed: int = 0) -> Image:
    """Voxels that tell every place from every other one: three slopes, a bright and a dark block."""
    k, j, i = np.indices(geometry.shape)
    array = (3 * i + 2 * j + 7 * k - 100).astype(np.int16)
    array[3:6, 10:20, 30:50] += 150
    array[10:12, 30:36, 8:14] -= 120
    array += np.random.default_rng(seed).integers(-9, 9, geometry.shape).astype(np.int16)
    return Image(array, geometry)


def run_record(recipe: str, images: Mapping[str, Image], **more: Any) -> RunRecord:
    inputs = {place: image.digest() for place, image in images.items()}
    return RunRecord(recipe, {"width": 0.5}, "model", ("0" * 64,), {"torch": "2"}, "cpu", inputs, 1.0, **more)


def candidate(number: int, probability: float, box: Box, geometry: Geometry) -> Candidate:
    corners = tuple(tuple(float(v) for v in corner) for corner in box.corners()[:4])
    k = int(np.clip(np.rint(geometry.to_index(box.center)[geometry.axial_axis]), 0, 1000))
    return Candidate(number, box, probability, k, (k, k), corners, max(box.size[:2]), 5.5)


def heat(geometry: Geometry) -> Image:
    """A block of the volume's grid, warm in two places."""
    start, shape = (4, 6, 2), (12, 34, 50)
    array = np.zeros(shape, np.float32)
    array[2:5, 4:14, 26:44] = 0.9
    array[7:10, 24:30, 3:9] = 0.6
    return Image(array, geometry.crop(start, shape))


def boxes(geometry: Geometry) -> tuple[Box, Box, Box]:
    """One along the volume's axes, one along the patient's, one turned against both."""
    own = tuple(tuple(float(v) for v in axis) for axis in geometry.directions.T)
    free = tuple(tuple(float(v) for v in axis) for axis in turned(0.7, -0.5).T)
    places = [
        tuple(float(v) for v in geometry.to_world(index))
        for index in ((39.5, 14.5, 4), (10.5, 32.5, 10.5), (25, 20, 9))
    ]
    return (
        Box(places[0], (26.0, 11.0, 12.0), own),
        Box(places[1], (12.0, 9.0, 15.0)),
        Box(places[2], (16.0, 9.0, 22.0), free),
    )


def detection(geometry: Geometry = ODD) -> tuple[DetectionResult, dict[str, Image]]:
    images = {PLACE: body(geometry)}
    found = tuple(
        candidate(n, p, box, geometry)
        for n, p, box in zip((1, 2, 3), (0.9712, 0.62, 0.31), boxes(geometry), strict=True)
    )
    result = DetectionResult(
        found,
        0.5,
        "set by hand",
        geometry,
        run_record("ltp", images),
        (),
        heat(geometry),
        Searched("liver", 1200.0, 500),
    )
    return result, images


def risk() -> tuple[RiskResult, dict[str, Image]]:
    """Before and after, each on a grid of its own; MR, one of them with fractions."""
    before, after = body(STRAIGHT, 1), body(ODD, 2)
    after = Image(after.array.astype(np.float32) * 1.37, ODD)
    images = {"pre/delayed": before, "post/delayed": after}
    return (
        RiskResult(
            {"pre": 0.4, "prepost": 0.61},
            "prepost",
            CutOff(0.6, "Youden index on the tuning set"),
            run_record("ablation-recurrence", images),
            {place: image.geometry for place, image in images.items()},
            boxes={"pre/tumour": boxes(STRAIGHT)[0], "post/ablation": boxes(ODD)[2]},
            heatmaps={"pre/delayed": heat(STRAIGHT)},
        ),
        images,
    )


def small(kind: str) -> tuple[AnyResult, dict[str, Image]]:
    """A result of a kind with everything in it that it may hold, and grey images."""
    made: AnyResult = getattr(result_samples, kind)()
    grids = {} if isinstance(made, DetectionResult) else made.volumes
    images = {}
    for place in shown_volumes(made):
        grid = grids.get(place, made.geometry)
        images[place] = Image(np.arange(np.prod(grid.shape), dtype=np.int16).reshape(grid.shape) % 200, grid)
    return made, images
