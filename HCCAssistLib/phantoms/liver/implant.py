"""A real CT as the patient: lesions are blended into its liver, all other voxels stay as they are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.liver.canvas import Canvas, Field
from HCCAssistLib.phantoms.liver.liver_region import LiverRegion, coarse_region, find_liver
from HCCAssistLib.phantoms.liver.scene import Scene
from HCCAssistLib.phantoms.liver.texture import correlated_noise

EDGE_MM = 3.0
"""Voxels this close to the estimated surface of the liver are left alone."""


class Background:
    """A real CT, prepared once for any number of cases.

    Args:
        image: CT in HU, any storage order; padding below -1024 is kept.
        liver: mask of its liver on the same grid; estimated from the HU where it is not given.

    Raises:
        InputError: not a CT, no liver to be found, or a mask that does not fit.
    """

    def __init__(self, image: Image, liver: Image | None = None) -> None:
        if image.array.dtype.kind not in "iuf" or image.array.min() > -200 or image.array.max() < 150:
            raise InputError(
                "the background is not a CT in Hounsfield units (no air or no bone in it)",
                image.name,
                "give an arterial or portal CT of the upper abdomen",
            )
        if min(image.array.shape) < 8 or image.geometry.spacing.max() > 8:
            raise InputError("the background's slices are too few or too thick", image.name, "give a whole CT volume")
        if liver is not None and not liver.geometry.matches(image.geometry):
            raise InputError("the liver's mask lies on another grid than the background", liver.name or image.name)
        self.image = image
        self.label = f"CT-{image.digest()[:10]}"
        """Tells two backgrounds apart without naming a patient."""
        self.mask = find_liver(image) if liver is None else np.asarray(liver.array) > 0
        inner = coarse_region(self.mask, image.geometry)
        self.region = LiverRegion(np.maximum(inner.depth - EDGE_MM, 0), inner.geometry)
        if float(self.region.depth.max()) < 15:
            raise InputError(
                "the background's liver is too small to hold an ablation zone", image.name, "give another CT or mask"
            )
        self._hu = np.asarray(image.array, dtype=np.float32)
        self._smooth = self._smoothed()
        # shapes fade out over the last millimetres under the liver's surface
        soft = ndimage.gaussian_filter(self.mask.astype(np.float32), 1.5 / image.geometry.spacing[::-1], truncate=2)
        self._limit: Field = np.clip(2 * soft - 1, 0, 1)
        self.noise_hu, self.noise_px = self._noise()

    def scene(self) -> Scene:
        """A fresh copy to draw one case in."""
        canvas = Canvas(self.image.geometry, self._smooth.copy())
        canvas.limit = self._limit
        canvas.coverage = np.zeros(canvas.geometry.shape, dtype=np.float32)

        def develop(rng: np.random.Generator) -> npt.NDArray[np.int16]:
            return self._develop(canvas, rng)

        return Scene(canvas, self.region, self.mask, self._liver_hu, self.noise_hu, develop)

    def _smoothed(self) -> Field:
        """The liver without noise and small vessels: a mean over its own voxels only."""
        sigma = 5.0 / self.image.geometry.spacing[::-1]
        inside = self.mask.astype(np.float32)
        box = ndimage.find_objects(self.mask.astype(np.uint8))[0]
        weight = ndimage.gaussian_filter(inside[box], sigma, truncate=3)
        total = ndimage.gaussian_filter(self._hu[box] * inside[box], sigma, truncate=3)
        smooth = self._hu.copy()
        smooth[box] = np.where(self.mask[box], total / np.maximum(weight, 1e-3), smooth[box])
        return smooth

    def _liver_hu(self, point: npt.ArrayLike) -> float:
        k, j, i = np.clip(
            self.image.geometry.to_index(point).round().astype(int)[::-1], 0, np.array(self.image.array.shape) - 1
        )
        return float(self._smooth[k, j, i])

    def _noise(self) -> tuple[float, tuple[float, float, float]]:
        """Standard deviation of the noise in the liver and the sigma of its kernel in voxels ``(k, j, i)``."""
        residual = np.where(self.mask, self._hu - self._smooth, 0)
        sigma = float(1.4826 * np.median(np.abs(residual[self.mask])))
        calm = self.mask & (np.abs(residual) < 3 * sigma)
        widths = []
        for axis in range(3):
            a = [slice(None)] * 3
            b = [slice(None)] * 3
            a[axis], b[axis] = slice(None, -1), slice(1, None)
            pairs = calm[tuple(a)] & calm[tuple(b)]
            product = residual[tuple(a)][pairs] * residual[tuple(b)][pairs]
            rho = float(np.clip(product.mean() / max(sigma, 1e-3) ** 2, 0, 0.9)) if product.size else 0.0
            # white noise through a Gaussian kernel has this correlation between neighbours
            widths.append(min(2.0, np.sqrt(-1 / (4 * np.log(rho)))) if rho > 0.02 else 0.0)
        return sigma, (widths[0], widths[1], widths[2])

    def _develop(self, canvas: Canvas, rng: np.random.Generator) -> npt.NDArray[np.int16]:
        """Background + change of the smooth liver; where tissue was replaced, its noise and vessels go as well."""
        out = self._hu.copy()
        change = canvas.array - self._smooth
        assert canvas.coverage is not None  # noqa: S101  set in scene()
        touched = ((np.abs(change) > 0.25) | (canvas.coverage > 0.01)).astype(np.uint8)
        boxes = ndimage.find_objects(touched)
        if boxes:
            blur = 0.7 / self.image.geometry.spacing[::-1]
            blur = np.where(self.image.geometry.spacing[::-1] > 2, 0, blur)
            margin = np.ceil(3 * blur).astype(int)
            box = tuple(slice(max(s.start - m, 0), s.stop + m) for s, m in zip(boxes[0], margin, strict=True))
            replaced = ndimage.gaussian_filter(canvas.coverage[box], blur, truncate=3)
            noise = self.noise_hu * correlated_noise(rng, replaced.shape, self.noise_px)
            out[box] += ndimage.gaussian_filter(change[box], blur, truncate=3)
            out[box] += replaced * (self._smooth[box] - self._hu[box])
            out[box] += np.sqrt(replaced) * noise
            out = np.where(self.mask, out, self._hu)
        low, high = np.iinfo(np.int16).min, np.iinfo(np.int16).max
        return np.asarray(np.clip(np.rint(out), low, high), dtype=np.int16)
