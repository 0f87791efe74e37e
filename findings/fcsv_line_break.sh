#!/usr/bin/env bash
# A line break in the description of a point becomes another point in .fcsv.
#
# Versions   slicer-core 5.12.4.0
# Expected   A description of two lines comes back as it was, is refused, or loses its break; the number of points stays.
# Behaviour  The .fcsv writer puts the break into the row without quotes, or within quotes where there is a comma. The
#            reader takes every line for a point: the rest of the description becomes a point of its own, without a label,
#            placed and visible, at coordinates read from the columns behind the description. .mrk.json keeps the text.
# Seen       2 points written, 3 read: L-1 at (10, 20, 30), '' at (0, -2, 0), L-2 at (-40, 50, 60); .mrk.json: 2 points
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check slicer-core==5.12.4.0 numpy==2.4.6
cat > look.py <<'EOF'
import numpy as np
import slicer
import vtk

TEXT = "new at the margin\nseen in the arterial phase"
scene = slicer.vtkMRMLScene()
points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
for label, place in (("L-1", (10, 20, 30)), ("L-2", (-40, 50, 60))):
    points.AddControlPoint(vtk.vtkVector3d(*place), label)
points.SetNthControlPointDescription(0, TEXT)
SEEN = {
    "points.fcsv": [("L-1", TEXT.split("\n")[0], (10, 20, 30)), ("", "", (0, -2, 0)), ("L-2", "", (-40, 50, 60))],
    "points.mrk.json": [("L-1", TEXT, (10, 20, 30)), ("L-2", "", (-40, 50, 60))],
}
for storage in (slicer.vtkMRMLMarkupsFiducialStorageNode(), slicer.vtkMRMLMarkupsJsonStorageNode()):
    path = "points.fcsv" if storage.IsA("vtkMRMLMarkupsFiducialStorageNode") else "points.mrk.json"
    scene.AddNode(storage)
    storage.SetFileName(path)
    assert storage.WriteData(points)
    read = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    assert storage.ReadData(read)
    count = read.GetNumberOfControlPoints()
    found = [
        (read.GetNthControlPointLabel(n), read.GetNthControlPointDescription(n), read.GetNthControlPointPosition(n))
        for n in range(count)
    ]
    print(f"{path}: 2 points written, {count} read")
    for label, text, place in found:
        print(f"  {label!r} at {tuple(round(float(v) + 0.0, 3) for v in place)}: {text!r}")
    assert [one[:2] for one in found] == [one[:2] for one in SEEN[path]], f"{path}: the behaviour has changed"
    assert np.allclose([one[2] for one in found], [one[2] for one in SEEN[path]]), f"{path}: the behaviour has changed"
    assert all(read.GetNthControlPointVisibility(n) for n in range(count))
EOF
env/bin/python look.py
