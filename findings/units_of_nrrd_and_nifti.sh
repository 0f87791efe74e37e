#!/usr/bin/env bash
# The unit of length that a file states: converted in NIfTI, passed over in NRRD.
#
# Versions   SimpleITK 2.5.7, slicer-core 5.12.4.0, nibabel 5.3.2, pynrrd 1.1.3
# Expected   One program treats the stated unit alike in both formats: a volume in centimetres or metres is brought to
#            millimetres, or refused.
# Behaviour  SimpleITK and Slicer convert a NIfTI file whose header says metre (0.8 becomes 800 mm), and take the numbers
#            of an NRRD file with `space units: "cm" "cm" "cm"` for millimetres, without a word: the volume is ten times
#            too small. nibabel converts nothing: its affine of the NIfTI file stays in metres.
# Seen       NIfTI metre: SimpleITK (800.0, 800.0, 2000.0), Slicer the same, nibabel [0.8, 0.8, 2.0]
#            NRRD cm: SimpleITK (0.8, 0.8, 2.0), Slicer the same
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check \
    SimpleITK==2.5.7 slicer-core==5.12.4.0 nibabel==5.3.2 pynrrd==1.1.3
cat > look.py <<'EOF'
import nibabel
import nrrd
import numpy as np
import SimpleITK as sitk
import slicer

SPACING = (0.8, 0.8, 2.0)
voxels = np.zeros((4, 5, 6), np.int16)
picture = nibabel.Nifti1Image(voxels, np.diag([*SPACING, 1]))
picture.header.set_xyzt_units("meter")
nibabel.save(picture, "metre.nii")
header = {
    "space": "left-posterior-superior",
    "space directions": np.diag(SPACING),
    "space origin": [0, 0, 0],
    "space units": ["cm"] * 3,
}
nrrd.write("centimetre.nrrd", voxels, header)
assert nrrd.read_header("centimetre.nrrd")["space units"] == ["cm"] * 3


def in_slicer(path, storage):
    scene = slicer.vtkMRMLScene()
    volume = slicer.vtkMRMLScalarVolumeNode()
    scene.AddNode(volume)
    scene.AddNode(storage)
    storage.SetFileName(path)
    assert storage.ReadData(volume)
    return volume.GetSpacing()


nifti_storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
nifti_storage.SetSingleFile(1)
seen = {
    "NIfTI metre, SimpleITK": (sitk.ReadImage("metre.nii").GetSpacing(), 1000),
    "NIfTI metre, Slicer": (in_slicer("metre.nii", nifti_storage), 1000),
    "NIfTI metre, nibabel": (nibabel.affines.voxel_sizes(nibabel.load("metre.nii").affine), 1),
    "NRRD cm, SimpleITK": (sitk.ReadImage("centimetre.nrrd").GetSpacing(), 1),
    "NRRD cm, Slicer": (in_slicer("centimetre.nrrd", slicer.vtkMRMLNRRDStorageNode()), 1),
}
for what, (spacing, factor) in seen.items():
    print(what, np.round(spacing, 3).tolist())
    assert np.allclose(spacing, np.array(SPACING) * factor), f"{what}: the behaviour has changed"
EOF
env/bin/python look.py
