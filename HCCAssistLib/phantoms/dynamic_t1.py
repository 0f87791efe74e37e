"""An upper abdomen in a dynamic T1-weighted series, written in formulas: every motion is known to the millimetre.

It has what a registration holds on to or stumbles over: a lumpy liver with vessels and lesions whose contrast turns
over between phases, a wall with ribs and a spine that stay still while the liver slides along them, a smooth bias
field and Rician noise. It says nothing about patients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from HCCAssistLib.imaging.geometry import FloatArray, Geometry
from HCCAssistLib.imaging.image import Image

TISSUES = ["fat", "muscle", "bone", "gut", "liver", "vessel", "lesion", "spleen", "kidney", "aorta"]

PHASES: dict[str, dict[str, float]] = {
    phase: dict(zip(TISSUES, map(float, values), strict=True))
    for phase, values in {
        "plain": (150, 60, 90, 50, 120, 95, 85, 80, 85, 60),
        "arterial": (155, 70, 95, 70, 135, 170, 190, 220, 210, 300),
        "portal": (155, 80, 105, 90, 190, 260, 170, 200, 240, 240),
        "delayed": (155, 85, 105, 95, 175, 205, 140, 175, 230, 195),
    }.items()
}
"""Signal of each tissue in each phase, arbitrary units as MR has them."""

LIVER = np.array([-55.0, -15.0, 5.0])
"""Middle of the liver, LPS mm."""

SOFT_MM = 1.2
"""Width over which one tissue gives way to the next."""

NOISE = 9.0
"""Standard deviation of the noise in each of the two channels."""

ROWS = 400_000
"""Points that are worked on together, which bounds the memory."""

STANDARD = Geometry.from_parts((60, 256, 256), (1.2, 1.2, 3.0), (-153.0, -153.0, -88.5))
"""The grid of a clinical series."""


@dataclass(frozen=True)
class Motion:
    """Where tissue goes, and where what is seen came from; both take and give LPS mm ``(n, 3)``.

    Attributes:
        forward: from a place in the fixed image to that in the moving one.
        back: the other way.
        slides: whether wall and spine stay where they are.
    """

    forward: Callable[[FloatArray], FloatArray]
    back: Callable[[FloatArray], FloatArray]
    slides: bool = False

    def sliding(self) -> Motion:
        """The same motion of the organs, with a wall and a spine that stay still."""
        return replace(self, slides=True)


STILL = Motion(lambda points: points, lambda points: points)


def rigid_motion(shift: npt.ArrayLike, degrees: npt.ArrayLike = (0, 0, 0)) -> Motion:
    """A shift (LPS mm) after a turn about the middle of the liver."""
    turn = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    offset = LIVER + np.asarray(shift, dtype=float)
    return Motion(lambda x: (x - LIVER) @ turn.T + offset, lambda y: (y - offset) @ turn + LIVER)


def breath(seed: int) -> Motion:
    """A rigid motion as between two breath-holds: up to 13 mm head-foot, 6 and 4 mm otherwise, 3 degrees."""
    rng = np.random.default_rng((seed, 11))
    return rigid_motion(rng.uniform(-1, 1, 3) * (4, 6, 13), rng.uniform(-3, 3, 3))


def smooth_motion(seed: int, peak_mm: float = 8.0) -> Motion:
    """A deformation of ten Gaussians 35 mm wide; no point of the liver moves further than about ``peak_mm``."""
    rng = np.random.default_rng((seed, 13))
    centers = LIVER + rng.uniform(-1, 1, (10, 3)) * (70, 60, 60)
    pulls = rng.normal(size=(10, 3)) * (0.7, 0.8, 1.2)

    def field(points: FloatArray) -> FloatArray:
        total = np.zeros_like(points)
        for center, pull in zip(centers, pulls, strict=True):
            total += np.exp(-((points - center) ** 2).sum(-1, keepdims=True) / (2 * 35.0**2)) * pull
        return total

    probes = LIVER + rng.uniform(-1, 1, (4000, 3)) * (60, 50, 50)
    scale = peak_mm / np.linalg.norm(field(probes), axis=1).max()

    def forward(points: FloatArray) -> FloatArray:
        found = points
        for _ in range(40):  # the field is a contraction, so that this converges to 1e-6 mm
            found = points - scale * field(found)
        return found

    return Motion(forward, lambda points: points + scale * field(points))


class Abdomen:
    """One phantom patient.

    >>> small = Geometry.from_parts((24, 40, 40), (8.0, 8.0, 8.0), (-156, -156, -92))
    >>> patient = Abdomen(1)
    >>> patient.image("portal", small).array.shape, bool(patient.liver(small).array.any())
    ((24, 40, 40), True)

    Args:
        seed: of the patient; another seed has another liver, other vessels and other lesions.
    """

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng((seed, 17))
        self.radii = np.array([78.0, 66.0, 68.0]) * rng.uniform(0.88, 1.0, 3)
        self.waves = rng.uniform((14, 17, 11), (20, 25, 16))
        self.phases = rng.uniform(0, 2 * np.pi, 3)
        self.organs = [
            ("spleen", np.array([85.0, 25, 10]) + rng.uniform(-6, 6, 3), np.array([32.0, 42, 48])),
            ("kidney", np.array([-50.0, 58, -58]) + rng.uniform(-5, 5, 3), np.array([26.0, 24, 45])),
            ("kidney", np.array([52.0, 58, -50]) + rng.uniform(-5, 5, 3), np.array([26.0, 24, 45])),
        ]
        starts = LIVER + rng.uniform(-1, 1, (45, 3)) * (55, 45, 45)
        ways = rng.normal(size=(45, 3))
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        self.tubes = list(zip(starts, ways, rng.uniform(15, 35, 45), rng.uniform(2.2, 5.0, 45), strict=True))
        self.lesions = [(LIVER + rng.uniform(-1, 1, 3) * (45, 35, 35), radius) for radius in (7.0, 11.0, 15.0)]

    def image(
        self,
        phase: str,
        geometry: Geometry = STANDARD,
        motion: Motion = STILL,
        *,
        seed: int = 0,
        noise: float = NOISE,
        bias: float = 0.15,
    ) -> Image:
        """The patient in one phase, after a motion.

        Args:
            phase: a key of ``PHASES``.
            geometry: any grid, oblique and left-handed ones included.
            motion: since the fixed image.
            seed: of noise and bias field.
            noise: standard deviation in each channel.
            bias: amplitude of the bias field, as a share of the signal.
        """
        rng = np.random.default_rng((seed, 19))
        lean = rng.uniform(0, 2 * np.pi, 2)
        voxels = np.empty(int(np.prod(geometry.shape)), np.float32)
        for begin in range(0, len(voxels), ROWS):
            end = min(begin + ROWS, len(voxels))
            points = _centers(geometry, begin, end)
            signal = self._signal(points, PHASES[phase], motion)
            signal *= 1 + bias * np.sin(points[:, 0] / 110 + lean[0]) * np.cos(points[:, 1] / 90 + lean[1])
            real, imaginary = rng.normal(0, noise, (2, end - begin))
            voxels[begin:end] = np.hypot(signal + real, imaginary)
        return Image(voxels.reshape(geometry.shape), geometry, phase)

    def liver(self, geometry: Geometry = STANDARD, motion: Motion = STILL) -> Image:
        """The liver as a mask of 0 and 1."""
        painted = np.empty(int(np.prod(geometry.shape)), np.uint8)
        for begin in range(0, len(painted), ROWS):
            points = _centers(geometry, begin, min(begin + ROWS, len(painted)))
            inside = np.minimum(
                self._liver(motion.back(points)), _cavity(points if motion.slides else motion.back(points))
            )
            painted[begin : begin + len(points)] = inside > 0.5
        return Image(painted.reshape(geometry.shape), geometry, "liver")

    def liver_points(self, n: int = 3000, seed: int = 0) -> FloatArray:
        """Places anywhere in the liver of the fixed image, LPS mm ``(n, 3)``."""
        points = LIVER + np.random.default_rng((seed, 23)).uniform(-1, 1, (20 * n, 3)) * 95
        inside = np.minimum(self._liver(points), _cavity(points)) > 0.5
        chosen: FloatArray = points[inside][:n]
        return chosen

    def _liver(self, points: FloatArray) -> FloatArray:
        x, y, z = (points / self.waves + self.phases).T
        lumps = (6 * np.sin(x) * np.cos(y) + 4 * np.sin(z)) / 70
        away = np.sqrt((((points - LIVER) / self.radii) ** 2).sum(-1))
        return np.clip((1 + lumps - away) * self.radii.min() / SOFT_MM + 0.5, 0, 1)

    def _signal(self, points: FloatArray, of: dict[str, float], motion: Motion) -> FloatArray:
        """Signal without noise at scan points ``(n, 3)``."""
        tissue = motion.back(points)
        outer = points if motion.slides else tissue
        out = np.zeros(len(points))
        _lay(out, _ellipsoid(outer, (0, 0, 0), (146, 111, 400)), of["fat"])
        _lay(out, _ellipsoid(outer, (0, 0, 0), (137, 102, 400)), of["muscle"])
        for angle in np.radians(np.arange(15, 360, 30)):  # ribs run obliquely, so that they tell height too
            lean = np.array([0.0, 0.0, 1.0]) + 0.6 * np.array([-np.sin(angle), np.cos(angle), 0.0])
            start = np.array([131 * np.cos(angle), 96 * np.sin(angle), 20 * np.sin(3 * angle)])
            _lay(out, _tube(outer, start, lean / np.linalg.norm(lean), 45.0, 4.5), of["bone"])
        within = np.flatnonzero(_cavity(outer) > 0)
        inner = tissue[within]
        part = np.full(len(within), of["gut"])
        for name, center, radii in self.organs:
            _lay(part, _ellipsoid(inner, center, radii), of[name])
        liver = self._liver(inner)
        _lay(part, liver, of["liver"])
        deep = np.flatnonzero(liver > 0.5)
        parenchyma, places = part[deep], inner[deep]
        vessels = np.zeros(len(deep))
        for start, way, length, radius in self.tubes:
            np.maximum(vessels, _tube(places, start, way, length, radius), out=vessels)
        _lay(parenchyma, vessels, of["vessel"])
        for center, radius in self.lesions:
            _lay(parenchyma, _ellipsoid(places, center, (radius,) * 3), of["lesion"])
        part[deep] = parenchyma
        blend = _cavity(outer[within])
        out[within] = out[within] * (1 - blend) + part * blend
        _lay(out, _ellipsoid(outer, (0, 72, 0), (22, 20, 400)), of["bone"])
        _lay(out, _ellipsoid(outer, (12, 42, 0), (10, 10, 400)), of["aorta"])
        return out


def _cavity(points: FloatArray) -> FloatArray:
    """Share of each point that lies inside the wall and before the spine."""
    return _ellipsoid(points, (0, 0, 0), (126, 91, 400))


def _lay(out: FloatArray, share: FloatArray, value: float) -> None:
    out += share * (value - out)


def _ellipsoid(points: FloatArray, center: npt.ArrayLike, radii: npt.ArrayLike) -> FloatArray:
    """Share of each point that lies in an ellipsoid, with a soft border."""
    radii = np.asarray(radii, dtype=float)
    away = np.sqrt((((points - np.asarray(center)) / radii) ** 2).sum(-1))
    return np.clip((1 - away) * radii.min() / SOFT_MM + 0.5, 0, 1)


def _tube(points: FloatArray, start: FloatArray, way: FloatArray, length: float, radius: float) -> FloatArray:
    """Share of each point that lies in a straight tube of half length ``length``, with a soft border."""
    share = np.zeros(len(points))
    near = np.flatnonzero((np.abs(points - start) < length + radius + SOFT_MM).all(axis=1))
    apart = points[near] - start
    along = np.clip(apart @ way, -length, length)
    distance = np.linalg.norm(apart - along[:, None] * way, axis=1)
    share[near] = np.clip((radius - distance) / SOFT_MM + 0.5, 0, 1)
    return share


def _centers(geometry: Geometry, begin: int, end: int) -> FloatArray:
    """LPS mm of the voxels ``begin`` to ``end`` in the order of the array."""
    k, j, i = np.unravel_index(np.arange(begin, end), geometry.shape)
    return geometry.to_world(np.stack([i, j, k], axis=-1))
