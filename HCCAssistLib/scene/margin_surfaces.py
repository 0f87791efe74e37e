"""What a scene shows of an ablation margin, made ready in the thread that measured it: only nodes are left to make."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import vtk
from vtk.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy

from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.margin.record import MarginRecord
from HCCAssistLib.margin.shape import onto_points, solid_of
from HCCAssistLib.registration.registration import Registration
from HCCAssistLib.scene.transforms import lps_to_ras

SCALARS = "margin, mm"

SMOOTHINGS = 20
"""Of the surface that is drawn: windowed sinc, which does not shrink it."""


@dataclass(frozen=True, eq=False, slots=True)
class PreparedMargin:
    """A record with its surfaces.

    Attributes:
        record: what was measured.
        text: the record as JSON.
        surface: vtkPolyData of what counts, RAS mm, with the margin at each corner.
        grey: vtkPolyData of what does not count; None where everything does.
        zone: vtkPolyData of the ablation zone where the registration lays it, in the scan before; None of a margin
            that was read from a file, which keeps no mask.
    """

    record: MarginRecord
    text: str
    surface: Any
    grey: Any | None
    zone: Any | None = None


def prepare(
    record: MarginRecord, zone: Image | None = None, registration: Registration | None = None
) -> PreparedMargin:
    """Make a record ready to be drawn; in any thread: no node is touched.

    Args:
        record: what was measured.
        zone: on the scan after.
        registration: from the scan before to the scan after, by which it was measured.
    """
    solid = solid_of(record.margin)
    index, triangles = _contour(solid.level)
    corners = index * solid.step + solid.origin
    places, mm, counted = onto_points(record.margin, corners)
    ras, whole = lps_to_ras(places), counted[triangles].all(axis=1)
    surface = _smoothed(ras, triangles[whole])
    scalars = numpy_to_vtk(mm.astype(np.float32), deep=True)
    scalars.SetName(SCALARS)
    surface.GetPointData().SetScalars(scalars)
    grey = None if whole.all() else _smoothed(ras, triangles[~whole])
    laid = _laid(zone, registration) if zone is not None and registration is not None else None
    return PreparedMargin(record, json.dumps(record.as_json(), allow_nan=False), surface, grey, laid)


def _laid(zone: Image, registration: Registration) -> Any:
    """The surface of the zone in the scan before."""
    index, triangles = _contour(np.pad((zone.array != 0).astype(np.float32), 1))
    back = np.linalg.inv(registration.matrix)
    places = zone.geometry.to_world(index - 1) @ back[:3, :3].T + back[:3, 3]
    return _smoothed(lps_to_ras(places), triangles)


def _contour(level: npt.NDArray[np.float32]) -> tuple[FloatArray, npt.NDArray[Any]]:
    """Corners ``(n, 3)`` in voxels ``(i, j, k)``, and triangles of them, where a level passes 0.5."""
    image = vtk.vtkImageData()
    image.SetDimensions(*level.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(level).ravel(), deep=True))
    edges = vtk.vtkFlyingEdges3D()
    edges.SetInputData(image)
    edges.SetValue(0, 0.5)
    edges.ComputeNormalsOff()
    edges.ComputeScalarsOff()
    edges.Update()
    found = edges.GetOutput()
    corners = vtk_to_numpy(found.GetPoints().GetData()).astype(np.float64)
    return corners, vtk_to_numpy(found.GetPolys().GetConnectivityArray()).reshape(-1, 3)


def _smoothed(ras: FloatArray, triangles: npt.NDArray[np.int64]) -> Any:
    data = vtk.vtkPolyData()
    points = vtk.vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(ras), deep=True))
    cells = vtk.vtkCellArray()
    sized = np.column_stack([np.full(len(triangles), 3), triangles]).ravel().astype(np.int64)
    cells.ImportLegacyFormat(numpy_to_vtkIdTypeArray(sized, deep=True))
    data.SetPoints(points)
    data.SetPolys(cells)
    smoothed = vtk.vtkWindowedSincPolyDataFilter()
    smoothed.SetInputData(data)
    smoothed.SetNumberOfIterations(SMOOTHINGS)
    smoothed.NormalizeCoordinatesOn()
    smoothed.BoundarySmoothingOff()
    smoothed.FeatureEdgeSmoothingOff()
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputConnection(smoothed.GetOutputPort())
    normals.SplittingOff()
    normals.ConsistencyOff()
    normals.Update()
    return normals.GetOutput()
