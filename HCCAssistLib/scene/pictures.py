"""Pictures and the saved scene of a case, made off-screen: what a reader looks at before opening Slicer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.results.detection import Candidate, DetectionResult
from HCCAssistLib.scene.boxes import show_labels
from HCCAssistLib.scene.drawing import DrawnDetection, draw_detection
from HCCAssistLib.scene.host import Host, off_screen_host
from HCCAssistLib.scene.mrb import save_mrb
from HCCAssistLib.scene.navigation import jump_to
from HCCAssistLib.scene.roles import SYNTHETIC
from HCCAssistLib.scene.transforms import from_vtk, lps_to_ras
from HCCAssistLib.scene.views import write_png
from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image

ABDOMEN = Window(60, 400)
SIZE = (1024, 1024)
MOST_PICTURES = 4
BACKGROUND = (0.09, 0.10, 0.13)


def render_case(
    result: DetectionResult,
    image: Image,
    out_dir: Path,
    *,
    masks: Mapping[str, Image] | None = None,
    window: Window = ABDOMEN,
    three_d: bool = True,
) -> tuple[Path, ...]:
    """Write pictures of a result: the slice of each of the best shown candidates, and one in 3-D from in front.

    The slices lie in the planes of the volume nearest to axial, the patient's left on the right of the picture.
    Where no candidate is shown there is one slice through the middle.

    Args:
        result: of a run on ``image``.
        image: the volume.
        out_dir: folder that is there; pictures of the same names are replaced.
        masks: by name (liver, ablation zone): outlines in the slices, surfaces in 3-D.
        window: grey values to show.
        three_d: whether to draw the one in 3-D too.

    Returns:
        candidate-<number>.png each (or slice.png), then three-d.png.

    Raises:
        HCCAssistError: pictures cannot be made on this machine (see ``rendering.rendering_available``).
        InputError: the result does not belong to the image.
    """
    host = off_screen_host()
    slice_view = host.slice_view("Red", SIZE)  # views come before the drawing, or its legend is overlooked
    space = host.three_d_view(SIZE) if three_d else None
    drawn = _build(result, image, masks or {}, window, host)
    paths = []
    try:
        for candidate in result.shown[:MOST_PICTURES]:
            paths.append(out_dir / f"candidate-{candidate.number}.png")
            _aim(slice_view, drawn, lps_to_ras(candidate.box.center))
            write_png(slice_view.picture(), paths[-1])
        if not paths:
            paths.append(out_dir / "slice.png")
            _aim(slice_view, drawn, lps_to_ras(image.geometry.center))
            write_png(slice_view.picture(), paths[-1])
        if space is None:
            return tuple(paths)
        _label_boxes(drawn, result.shown)
        if not masks:
            _show_coronal(host, [candidate.box.center for candidate in result.shown] or [image.geometry.center])
        _look_from_anterior(space, result.shown)
        paths.append(out_dir / "three-d.png")
        write_png(space.picture(), paths[-1])
    finally:
        host.clear()
    return tuple(paths)


def save_case(
    result: DetectionResult,
    image: Image,
    masks: Mapping[str, Image] | None,
    path: Path,
    *,
    window: Window = ABDOMEN,
    synthetic: bool = False,
) -> None:
    """Write the volume, the masks and the drawn result as one ``.mrb`` that Slicer opens; needs no rendering.

    Args:
        result: to draw.
        image: the volume it is about.
        masks: shown as segments, by name.
        path: of the file.
        window: of the volume.
        synthetic: marks the volume, so that a case exported from the scene is not taken for a patient.

    Raises:
        InputError: the result does not belong to the image, or the file's name or folder is not right.
    """
    host = off_screen_host()
    try:
        drawn = _build(result, image, masks or {}, window, host)
        if synthetic and drawn.volume is not None:
            drawn.volume.SetAttribute(SYNTHETIC, "1")
        for logic in host.slice_logics.values():
            logic.FitSliceToBackground()
        if drawn.result.shown:
            jump_to(drawn.result.shown[0], host.scene)
        save_mrb(host.scene, path)
    finally:
        host.clear()


def _build(
    result: DetectionResult, image: Image, masks: Mapping[str, Image], window: Window, host: Host
) -> DrawnDetection:
    host.clear()
    volume = volume_from_image(image, host.scene, image.name or "volume", window)
    if masks:
        segmentation_from_masks(masks, volume, host.scene, "segments")
    return draw_detection(result, volume, host.scene)


def _aim(view: Any, drawn: DrawnDetection, ras: Any) -> None:
    """Show the volume's own slice nearest to a place, the whole of it, with the numbers of the boxes it cuts."""
    view.node.SetOrientationToAxial()
    view.node.RotateToVolumePlane(drawn.volume)
    view.logic.FitSliceToBackground()
    view.node.JumpSliceByOffsetting(*ras)
    view.logic.SnapSliceOffsetToIJK()
    to_ras = from_vtk(view.node.GetSliceToRAS())
    _label_boxes(drawn, [candidate for candidate in drawn.result.shown if _cuts(to_ras, candidate)])


def _label_boxes(drawn: DrawnDetection, candidates: Sequence[Candidate]) -> None:
    """Show the numbers of some candidates, also where the slice lies above or below their middle."""
    if drawn.labels is None:
        return
    drawn.labels.GetDisplayNode().SetSliceProjection(True)
    drawn.labels.GetDisplayNode().SetSliceProjectionOpacity(1.0)
    show_labels(drawn.labels, {candidate.number for candidate in candidates})


def _cuts(slice_to_ras: Any, candidate: Candidate) -> bool:
    heights = (lps_to_ras(candidate.box.corners()) - slice_to_ras[:3, 3]) @ slice_to_ras[:3, 2]
    return bool(heights.min() <= 0 <= heights.max())


def _show_coronal(host: Host, centers: Sequence[Any]) -> None:
    """Without surfaces, a coronal slice says where the boxes are; behind all of them, so that it hides none."""
    green = host.slice_logics["Green"]
    green.FitSliceToBackground()
    hindmost = min(lps_to_ras(centers), key=lambda ras: float(ras[1]))
    green.GetSliceNode().JumpSliceByOffsetting(*hindmost)
    green.GetSliceNode().SetSliceVisible(True)


def _look_from_anterior(view: Any, shown: Sequence[Candidate]) -> None:
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
    corners = [lps_to_ras(candidate.box.corners()) for candidate in shown]
    places = np.vstack([seen.T, *corners])
    view.renderer.ResetCameraScreenSpace(np.stack([places.min(axis=0), places.max(axis=0)], axis=1).ravel(), 0.9)
