"""Pictures and the saved scene of a case, made off-screen: what a reader looks at before opening Slicer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import stored_slice
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.recipes.registry import RECIPES
from HCCAssistLib.results.result import Result
from HCCAssistLib.results.risk import RiskResult
from HCCAssistLib.results.stamp import stamp
from HCCAssistLib.scene.drawing import Drawn, draw, grids_of
from HCCAssistLib.scene.heatmap import show_layer, show_volumes
from HCCAssistLib.scene.host import Host, off_screen_host
from HCCAssistLib.scene.mrb import save_mrb
from HCCAssistLib.scene.navigation import jump_to
from HCCAssistLib.scene.picture_marks import Picture, marked
from HCCAssistLib.scene.presenters import PRESENTERS
from HCCAssistLib.scene.roles import SYNTHETIC
from HCCAssistLib.scene.transforms import from_vtk, lps_to_ras
from HCCAssistLib.scene.view_labels import place_labels
from HCCAssistLib.scene.views import write_png
from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image

ABDOMEN = Window(60, 400)
SIZE = (1024, 1024)
MOST_PICTURES = 4
BACKGROUND = (0.09, 0.10, 0.13)
HEAT_OPACITY = 0.6

SPANNED, LEAST_WIDTH = (1.0, 99.5), 1e-3
"""Percentiles of an MR between which grey values are shown, and the least width, of a volume without contrast."""

Thing = TypeVar("Thing")

LEFT, UP = (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
"""To the right and to the top of a picture taken from in front, in RAS."""


def render_case(
    result: Result,
    volumes: Mapping[str, Image],
    out_dir: Path,
    *,
    masks: Mapping[str, Image] | None = None,
    three_d: bool = True,
    synthetic: bool = False,
) -> tuple[Path, ...]:
    """Write pictures of a result: the slice of each of its first shown boxes, and one in 3-D from in front.

    The slices lie in the planes of the volume nearest to axial, the patient's left on the right of the picture.
    Where no box is shown there is one slice through the middle. A time point is not registered on another one: each has
    pictures of its own, with its own boxes and segments alone.

    Args:
        result: of any kind.
        volumes: that it is about, by their places; what else is there is not shown.
        out_dir: folder that is there; pictures of the same names are replaced.
        masks: by place (post/liver): outlines in the slices, surfaces in 3-D.
        three_d: whether to draw the one in 3-D too.
        synthetic: no patient, which the pictures say.

    Returns:
        candidate-<number>.png each (or slice.png), then three-d.png. Other kinds than a detection have
        finding-<number>.png, and a picture of each in every volume where there are several; of several time points,
        each has a three-d-<time point>.png.

    Raises:
        HCCAssistError: pictures cannot be made on this machine (see ``rendering.rendering_available``).
        InputError: the result does not belong to the volumes.
    """
    parts = _by_time_point(result)
    paths: list[Path] = []
    for time_point, part in parts.items():
        of = f"-{time_point}" if len(parts) > 1 else ""
        words = stamp(case=synthetic, model=result.run.synthetic_model)
        paths += _rendered(part, volumes, masks or {}, out_dir, of=of, three_d=three_d, words=words)
    return tuple(paths)


def _by_time_point(result: Result) -> dict[str, Result]:
    """What a result says of each time point; the whole of one that has but one."""
    times = dict.fromkeys(_time_point(place) for place in getattr(result, "volumes", ()))
    if not isinstance(result, RiskResult) or len(times) < 2:
        return {"": result}
    return {
        time: replace(
            result,
            volumes=_of_times(result.volumes, {time}),
            boxes=_of_times(result.boxes, {time}),
            heatmaps=_of_times(result.heatmaps, {time}),
        )
        for time in times
    }


def _time_point(place: str) -> str:
    return place.partition("/")[0]


def _of_times(by_place: Mapping[str, Thing], times: Collection[str]) -> dict[str, Thing]:
    return {place: one for place, one in by_place.items() if _time_point(place) in times}


def _rendered(
    result: Result,
    volumes: Mapping[str, Image],
    masks: Mapping[str, Image],
    out_dir: Path,
    *,
    of: str,
    three_d: bool,
    words: str,
) -> list[Path]:
    """The pictures of one time point; ``of`` ends the names where there are several, ``words`` stamp them."""
    host = off_screen_host()
    slice_view = host.slice_view("Red", SIZE)  # views come before the drawing, or its legend is overlooked
    space = host.three_d_view(SIZE) if three_d else None
    drawn = _build(result, volumes, masks, host, surfaces=three_d)
    boxes = [label.box for label in PRESENTERS[result.kind].labels(result)]
    x, y, z = (float(v) for v in result.geometry.center)
    middle = (x, y, z)
    grids = grids_of(result, volumes)
    paths: list[Path] = []
    try:
        for name, center in _places(result) or [("slice", middle)]:
            for place, volume in drawn.volumes.items():
                suffix = f"-{place.replace('/', '-')}" if of or len(drawn.volumes) > 1 else ""
                paths.append(out_dir / f"{name}{suffix}.png")
                _aim(slice_view, volume, lps_to_ras(center))
                show_layer(drawn.volumes, drawn.heatmaps, host.scene, opacity=HEAT_OPACITY)
                _write_numbers(drawn, host)
                title = f"slice {stored_slice(grids[place], center) + 1}"
                write_png(_marked_slice(slice_view, title, words), paths[-1])
        if space is None:
            return paths
        if not masks:
            _show_coronal(host, [box.center for box in boxes] or [middle])
        _look_from_anterior(space, boxes)
        _write_numbers(drawn, host)
        paths.append(out_dir / f"three-d{of}.png")
        from_in_front = marked(space.picture(), LEFT, UP, stamp=words)
        write_png(from_in_front, paths[-1])
    finally:
        host.clear()
    return paths


def save_case(
    result: Result,
    volumes: Mapping[str, Image],
    masks: Mapping[str, Image] | None,
    path: Path,
    *,
    synthetic: bool = False,
) -> None:
    """Write the volumes, the masks and the drawn result as one ``.mrb`` that Slicer opens; needs no rendering.

    Args:
        result: to draw.
        volumes: it is about, by their places.
        masks: shown as segments, by place (post/liver); each time point has a segmentation.
        path: of the file.
        synthetic: marks the volumes, so that a case exported from the scene is not taken for a patient.

    Raises:
        InputError: the result does not belong to the volumes, or the file's name or folder is not right.
    """
    host = off_screen_host()
    try:
        drawn = _build(result, volumes, masks or {}, host)
        for volume in drawn.volumes.values():
            if synthetic:
                volume.SetAttribute(SYNTHETIC, "1")
        for logic in host.slice_logics.values():
            logic.FitSliceToBackground()
        for _, center in _places(result)[:1]:
            jump_to(center, host.scene)
        save_mrb(host.scene, path)
    finally:
        host.clear()


def _build(
    result: Result, volumes: Mapping[str, Image], masks: Mapping[str, Image], host: Host, *, surfaces: bool = True
) -> Drawn:
    host.clear()
    nodes = {}
    for place in grids_of(result, volumes):
        image = volumes[place]
        nodes[place] = volume_from_image(image, host.scene, image.name or place, _window(result, place, image))
    main = next(iter(nodes.values()))
    for time in dict.fromkeys(map(_time_point, nodes)):
        own = {place.partition("/")[2]: mask for place, mask in _of_times(masks, {time}).items()}
        if own:
            on = next(node for place, node in nodes.items() if _time_point(place) == time)
            segmentation_from_masks(own, on, host.scene, f"segments {time}", surfaces=surfaces)
    show_volumes([main], host.scene)
    drawn = draw(result, nodes, host.scene)
    _write_numbers(drawn, host)
    return drawn


def _window(result: Result, place: str, image: Image) -> Window:
    """Grey values to show of a volume: an abdomen's of a CT; of an MR, whose values have no unit, what it spans."""
    recipe = RECIPES.get(result.run.recipe)
    asked = next((one for one in recipe.volumes() if str(one) == place), None) if recipe is not None else None
    if asked is None or asked.modality == "CT":
        return ABDOMEN
    low, high = np.percentile(image.array[:, ::4, ::4], SPANNED).tolist()
    return Window((low + high) / 2, max(high - low, LEAST_WIDTH))


def _places(result: Result) -> list[tuple[str, tuple[float, float, float]]]:
    """Names of the pictures of a result, and the places they show."""
    name = "candidate" if result.kind == "detection" else "finding"
    labels = PRESENTERS[result.kind].labels(result)[:MOST_PICTURES]
    return [(f"{name}-{label.number}", label.box.center) for label in labels]


def _aim(view: Any, volume: Any, ras: Any) -> None:
    """Show the slice nearest to a place, the whole of it, in the planes of a volume."""
    view.logic.GetSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())
    view.node.SetOrientationToAxial()
    view.node.RotateToVolumePlane(volume)
    view.logic.FitSliceToBackground()
    view.node.JumpSliceByOffsetting(*ras)
    view.logic.SnapSliceOffsetToIJK()


def _marked_slice(view: Any, title: str, words: str) -> Picture:
    to_ras = from_vtk(view.node.GetSliceToRAS())
    picture = view.picture()
    mm = view.node.GetFieldOfView()[0] / picture.shape[1]
    return marked(picture, to_ras[:3, 0], to_ras[:3, 1], mm_per_pixel=mm, title=title, stamp=words)


def _write_numbers(drawn: Drawn, host: Host) -> None:
    place_labels(drawn.record, PRESENTERS[drawn.result.kind].labels(drawn.result), None, host.scene)


def _show_coronal(host: Host, centers: Sequence[Any]) -> None:
    """Without surfaces, a coronal slice says where the boxes are; behind all of them, so that it hides none."""
    green = host.slice_logics["Green"]
    green.FitSliceToBackground()
    hindmost = min(lps_to_ras(centers), key=lambda ras: float(ras[1]))
    green.GetSliceNode().JumpSliceByOffsetting(*hindmost)
    green.GetSliceNode().SetSliceVisible(True)


def _look_from_anterior(view: Any, boxes: Sequence[Box]) -> None:
    for background in (view.node.SetBackgroundColor, view.node.SetBackgroundColor2):
        background(*BACKGROUND)
    view.node.SetBoxVisible(False)
    view.node.SetAxisLabelsVisible(False)
    view.node.SetUseDepthPeeling(True)
    camera = view.renderer.GetActiveCamera()
    camera.SetFocalPoint(0, 0, 0)
    camera.SetPosition(0, 1, 0)
    camera.SetViewUp(0, 0, 1)
    camera.Elevation(15)
    view.window.Render()  # the surfaces and boxes are made while rendering; only then do they have a size
    seen = np.reshape(view.renderer.ComputeVisiblePropBounds(), (3, 2))  # of the boxes only their middles
    corners = [lps_to_ras(box.corners()) for box in boxes]
    places = np.vstack([seen.T, *corners])
    view.renderer.ResetCameraScreenSpace(np.stack([places.min(axis=0), places.max(axis=0)], axis=1).ravel(), 0.9)
