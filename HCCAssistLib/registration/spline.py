"""A deformation as cubic B-splines on a grid of control points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import FloatArray, Geometry

ORDER = 3


@dataclass(frozen=True, eq=False, slots=True)
class Spline:
    """Displacements in LPS mm, added to points of the fixed image.

    Attributes:
        coefficients: ``(3, k, j, i)``: along x, y and z, at each control point. Read-only.
        geometry: grid of the control points; one lies before the domain and two, or one, after it.

    Raises:
        InputError: coefficients that are not finite or do not fit the grid.
    """

    coefficients: FloatArray
    geometry: Geometry

    def __post_init__(self) -> None:
        coefficients = np.array(self.coefficients, dtype=np.float64)
        if coefficients.shape != (3, *self.geometry.shape) or not np.isfinite(coefficients).all():
            raise InputError("the coefficients of a deformation do not fit its grid, or are not finite", "registration")
        if min(self.geometry.shape) <= ORDER:
            raise InputError(f"a deformation needs more than {ORDER} control points along each axis", "registration")
        coefficients.setflags(write=False)
        object.__setattr__(self, "coefficients", coefficients)

    @classmethod
    def from_itk(cls, transform: sitk.BSplineTransform) -> Spline:
        """The coefficients of SimpleITK's transform."""
        images = transform.GetCoefficientImages()
        i, j, k = images[0].GetSize()
        grid = Geometry.from_parts((k, j, i), images[0].GetSpacing(), images[0].GetOrigin(), images[0].GetDirection())
        return cls(np.stack([sitk.GetArrayFromImage(image) for image in images]), grid)

    def to_itk(self) -> sitk.BSplineTransform:
        """The same deformation for SimpleITK."""
        images = []
        for part in self.coefficients:
            image = sitk.GetImageFromArray(part)
            image.SetSpacing(self.geometry.spacing.tolist())
            image.SetOrigin(self.geometry.origin.tolist())
            image.SetDirection(self.geometry.directions.ravel().tolist())
            images.append(image)
        return sitk.BSplineTransform(images, ORDER)

    @property
    def reach_mm(self) -> float:
        """No point goes further: a B-spline stays within its coefficients."""
        return float(np.linalg.norm(np.abs(self.coefficients).max(axis=(1, 2, 3))))

    def apply(self, points: FloatArray) -> FloatArray:
        """Points ``(n, 3)`` with their displacements, LPS mm."""
        transform = self.to_itk()
        return np.array([transform.TransformPoint(point) for point in points.tolist()]).reshape(-1, 3)

    def as_json(self) -> dict[str, Any]:
        """Coefficients and grid as plain lists."""
        return {"coefficients_mm": self.coefficients.tolist(), "grid": self.geometry.as_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Spline:
        """Read what ``as_json`` wrote.

        Raises:
            InputError, KeyError, TypeError, ValueError: damaged.
        """
        return cls(np.array(data["coefficients_mm"], dtype=np.float64), Geometry.from_json(data["grid"]))
