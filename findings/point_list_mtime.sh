#!/usr/bin/env bash
# A point list that was moved, relabelled or emptied is as old as before; one that was renamed is not.
#
# Versions   slicer-core 5.12.4.0
# Expected   GetMTime of a node grows with every change of it, and ModifiedEvent is fired, as for VTK's objects and for a
#            camera node: so a cache by GetMTime is right.
# Behaviour  Moving, adding or removing a control point and changing its label or description leave GetMTime of the node
#            as it was and fire no ModifiedEvent; only events of the points (PointModifiedEvent and others) come. The same
#            is true of a new matrix of a transform node. GetModifiedSinceRead, which decides whether a scene asks to be
#            saved, is right all the same. A camera node is newer after its camera moved.
# Seen       move, label, description, add, remove, matrix: GetMTime same, no ModifiedEvent; name, camera: GetMTime
#            newer, ModifiedEvent; GetModifiedSinceRead False after writing, True after a move
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check slicer-core==5.12.4.0
cat > look.py <<'EOF'
import slicer
import vtk

scene = slicer.vtkMRMLScene()
points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
points.AddControlPoint(vtk.vtkVector3d(1, 2, 3), "a")
camera = scene.AddNewNodeByClass("vtkMRMLCameraNode")
transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
matrix = vtk.vtkMatrix4x4()
matrix.SetElement(0, 3, 5.0)
CHANGES = (
    ("move", points, lambda: points.SetNthControlPointPosition(0, 5, 6, 7), False),
    ("label", points, lambda: points.SetNthControlPointLabel(0, "b"), False),
    ("description", points, lambda: points.SetNthControlPointDescription(0, "margin"), False),
    ("add", points, lambda: points.AddControlPoint(vtk.vtkVector3d(4, 5, 6)), False),
    ("remove", points, lambda: points.RemoveNthControlPoint(1), False),
    ("matrix", transform, lambda: transform.SetMatrixTransformToParent(matrix), False),
    ("name", points, lambda: points.SetName("other"), True),
    ("camera", camera, lambda: camera.GetCamera().SetPosition(1, 2, 3), True),
)
for what, node, change, newer in CHANGES:
    fired = []
    tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: fired.append(event))
    before = node.GetMTime()
    change()
    node.RemoveObserver(tag)
    found = node.GetMTime() > before
    print(f"{what}: GetMTime {'newer' if found else 'same'}, {'ModifiedEvent' if fired else 'no ModifiedEvent'}")
    assert (found, bool(fired)) == (newer, newer), f"{what}: the behaviour has changed"

assert points.GetNthControlPointPosition(0) == (5.0, 6.0, 7.0)
storage = slicer.vtkMRMLMarkupsJsonStorageNode()
scene.AddNode(storage)
storage.SetFileName("points.mrk.json")
points.SetAndObserveStorageNodeID(storage.GetID())
storage.WriteData(points)
written = points.GetModifiedSinceRead()
points.SetNthControlPointPosition(0, 9, 9, 9)
print(f"GetModifiedSinceRead: {written} after writing, {points.GetModifiedSinceRead()} after a move")
assert (written, points.GetModifiedSinceRead()) == (False, True), "the behaviour has changed"
EOF
env/bin/python look.py
