"""Smooth random fields and the noise of an abdominal CT."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from HCCAssistLib.phantoms.liver.canvas import Field, Patch


class Waves:
    """A smooth random field of mean 0 and variance 1: a few plane waves of random direction and phase.

    Args:
        rng: drawn from.
        wavelength_mm: typical size of a hill and a valley together.
        count: number of waves.
    """

    def __init__(self, rng: np.random.Generator, wavelength_mm: float, count: int = 6) -> None:
        directions = rng.standard_normal((count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        lengths = wavelength_mm * rng.uniform(0.7, 1.4, (count, 1))
        self.vectors: npt.NDArray[np.float64] = 2 * np.pi / lengths * directions
        self.phases: npt.NDArray[np.float64] = rng.uniform(0, 2 * np.pi, count)

    def on(self, patch: Patch) -> Field:
        """The field at each sample of a patch."""
        total = np.zeros(patch.shape, dtype=np.float32)
        for vector, phase in zip(self.vectors, self.phases, strict=True):
            angle = patch.along(vector)
            angle += np.float32(phase)
            total += np.cos(angle, out=angle)
        total *= np.float32(np.sqrt(2 / len(self.phases)))
        return total

    def at(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The field at LPS points ``(..., 3)``."""
        angle = np.asarray(points, dtype=np.float64) @ self.vectors.T + self.phases
        field: npt.NDArray[np.float64] = np.cos(angle).sum(axis=-1) * np.sqrt(2 / len(self.phases))
        return field


def correlated_noise(
    rng: np.random.Generator, shape: tuple[int, int, int], sigma_px: tuple[float, float, float]
) -> Field:
    """Gaussian noise of variance 1, correlated by a Gaussian kernel of ``sigma_px`` along ``(k, j, i)``."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, sigma_px, mode="wrap", truncate=3.0)
    return np.asarray(noise / np.prod([_gain(s) for s in sigma_px]), dtype=np.float32)


def _gain(sigma_px: float) -> float:
    """Standard deviation of white noise of variance 1 after a Gaussian kernel along one axis."""
    if sigma_px <= 0:
        return 1.0
    impulse = np.zeros(2 * int(np.ceil(4 * sigma_px)) + 1)
    impulse[impulse.size // 2] = 1.0
    return float(np.linalg.norm(ndimage.gaussian_filter1d(impulse, sigma_px, truncate=3.0)))


def scan(
    rng: np.random.Generator,
    clean: Field,
    *,
    sigma_px: float,
    noise_hu: Field,
    streak_hu: float,
) -> Field:
    """What a scanner makes of a clean volume: blur in the slice, noise of the same texture, faint streaks.

    Args:
        rng: drawn from.
        clean: HU ``[k, j, i]`` in axial slices; changed in place.
        sigma_px: point-spread function's sigma in pixels; the noise goes through the same kernel.
        noise_hu: the noise's standard deviation for each pixel of a slice, ``[j, i]``.
        streak_hu: standard deviation of the streaks.
    """
    depth, rows, columns = clean.shape
    level = noise_hu / np.float32(_gain(sigma_px) ** 2 * np.sqrt(1 + 0.15**2))
    last = np.zeros((rows, columns), dtype=np.float32)
    for plane in clean:  # a slice at a time stays in the processor's cache
        white = rng.standard_normal((rows, columns), dtype=np.float32)
        # neighbouring slices overlap a little, as in a spiral scan
        last *= np.float32(0.15)
        last += white
        last *= level
        plane += last
        last = white
    if streak_hu > 0:
        # rays through the thick left-right diameter of the body are the noisiest
        streaks = rng.standard_normal((depth, rows, 1), dtype=np.float32)
        slant = int(rng.integers(-columns // 12, columns // 12 + 1))
        lines = ndimage.gaussian_filter1d(streaks, 1.2, axis=1)[:, :, 0]
        lines = np.float32(streak_hu) * (lines / max(float(lines.std()), 1e-6))
        at = _sheared(rows, slant, columns)
        for plane, own in zip(clean, lines, strict=True):
            plane += own[at]
    for plane in clean:
        ndimage.gaussian_filter(plane, sigma_px, truncate=3.0, output=plane)
    return clean


def _sheared(rows: int, slant: int, columns: int) -> npt.NDArray[np.intp]:
    """For each pixel of a slice the horizontal line that it lies on; lines fall by ``slant`` pixels to the right."""
    shift = np.linspace(-slant / 2, slant / 2, columns).round().astype(int)
    return np.clip(np.arange(rows)[:, None] + shift[None, :], 0, rows - 1)
