"""The pictures that the networks saw of a finding, with the heat over them; made in a thread, one finding at a time."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Picture

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.resampling import resample
from HCCAssistLib.imaging.seen_picture import SeenPicture
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.scene.colors import heat_colors
from HCCAssistLib.scene.heatmap import THRESHOLD
from HCCAssistLib.scene.run_inputs import RunInputs, capture

MadeAgain = Callable[[Any, Mapping[str, Image], Mapping[str, Value]], Sequence[SeenPicture]]
"""What a recipe makes of a finding (of the whole result where it has none), of the volumes and segments of the run by
their places, and of its options."""


@dataclass(frozen=True, eq=False, slots=True)
class SeenPictures:
    """What was made for one finding.

    Attributes:
        number: of the finding.
        pictures: what the networks saw.
        heat: on the pixels of each, 0 to 1; None where its volume has no heat.
        problem: why there are none, in a sentence.
    """

    number: int
    pictures: tuple[SeenPicture, ...] = ()
    heat: tuple[npt.NDArray[np.float32] | None, ...] = ()
    problem: str = ""

    def png(self, index: int, side: int, opacity: float) -> bytes:
        """One picture as PNG, with its heat where the opacity is above 0.

        Args:
            index: of the picture.
            side: in pixels.
            opacity: of the heat, 0 to 1.
        """
        grey, heat = self.pictures[index].grey, self.heat[index]
        rgb = np.repeat(grey[..., None], 3, axis=-1).astype(np.float32)
        if heat is not None and opacity > 0:
            colors = 255 * heat_colors()[np.rint(255 * heat.clip(0, 1)).astype(int)]
            warm = heat >= THRESHOLD
            rgb[warm] = (1 - opacity) * rgb[warm] + opacity * colors[warm]
        method = Picture.Resampling.NEAREST if side >= grey.shape[1] else Picture.Resampling.LANCZOS
        file = io.BytesIO()
        Picture.fromarray(np.rint(rgb).astype(np.uint8)).resize((side, side), method).save(
            file, "PNG", compress_level=1
        )
        return file.getvalue()


class SeenPicturesMaker:
    """Makes the pictures of one finding after the other; of several that were asked for meanwhile, the last.

    Args:
        made_again: of the recipe.
    """

    def __init__(self, made_again: MadeAgain) -> None:
        self._made_again = made_again
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._making: Future[SeenPictures] | None = None
        self._next: Callable[[], SeenPictures] | None = None

    @property
    def busy(self) -> bool:
        """Whether ``take`` has something to tell soon."""
        return self._making is not None

    def ask(self, review: Any, number: int) -> None:
        """Begin with a finding of a ``CaseReview``; of a result without findings with all that it rests on."""
        result, captured = review.result, review.captured
        finding = next((one for one in result.findings if one.number == number), None)
        read = partial(_volumes, captured) if finding is not None else partial(_inputs, all_inputs(review), result)
        about = finding if finding is not None else result
        self._next = partial(_make, self._made_again, number, about, read, dict(result.run.options), result.heatmaps)
        self._go_on()

    def take(self) -> SeenPictures | None:
        """What became of the last finding that was asked for, once; None while that is not known."""
        if self._making is None or not self._making.done():
            return None
        done, self._making = self._making.result(), None
        if self._next is not None:
            self._go_on()
            return None
        return done

    def close(self) -> None:
        """Begin nothing more."""
        self._next = None
        self._thread.shutdown(wait=False)

    def _go_on(self) -> None:
        if self._making is None and self._next is not None:
            self._making, self._next = self._thread.submit(self._next), None


def all_inputs(review: Any) -> RunInputs | None:
    """All inputs of a run; those of a loaded scene are taken up again, in the scene's thread."""
    captured: RunInputs | None = review.captured
    if review.is_complete or captured is None:
        return captured
    with suppress(InputError):
        return capture(review.chosen_inputs, captured.recipe, name="scan")
    return None


def _volumes(captured: RunInputs | None) -> dict[str, Image]:
    return {} if captured is None else {place: one.read() for place, one in captured.volumes.items()}


def _inputs(captured: RunInputs | None, result: Any) -> dict[str, Image]:
    """Volumes, and the segments that are those of the run, by the names that its record gives them."""
    if captured is None:
        return {}
    study = captured.study("scan", grids=result.volumes)
    masks = dict(study.masks)
    for place, findings in study.findings.items():
        masks |= {f"{place} finding {n}": one.mask for n, one in enumerate(findings, 1) if one.mask is not None}
    same = {name: mask for name, mask in masks.items() if mask.digest() == result.run.inputs.get(name)}
    return {**study.volumes, **same}


def _make(
    made_again: MadeAgain,
    number: int,
    finding: Any,
    read: Callable[[], Mapping[str, Image]],
    options: Mapping[str, Value],
    heatmaps: Mapping[str, Image],
) -> SeenPictures:
    try:
        pictures = tuple(made_again(finding, read(), options))
        heat = tuple(_heat_on(picture, heatmaps) for picture in pictures)
    except Exception as error:  # a volume that went, another version's options, no memory: the scores stay as they are
        if not isinstance(error, InputError):
            logging.exception("What the network saw cannot be made again")
        return SeenPictures(number, problem="What the network saw cannot be made again from this scene.")
    return SeenPictures(number, pictures, heat)


def _heat_on(picture: SeenPicture, heatmaps: Mapping[str, Image]) -> npt.NDArray[np.float32] | None:
    """The heat on the pixels of a picture, as the slice through its middle shows it."""
    if picture.place not in heatmaps:
        return None
    grid = picture.heat if picture.heat is not None else picture.grid
    found: npt.NDArray[np.float32] = resample(heatmaps[picture.place], grid, fill_value=0).array[0]
    return found
