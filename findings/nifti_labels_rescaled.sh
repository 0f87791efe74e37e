#!/usr/bin/env bash
# Labels saved as 8-bit NIfTI become fractions as soon as one of them is above 255.
#
# Versions   nibabel 5.4.2, SimpleITK 2.5.7, numpy 2.4.6
# Expected   Saving labels 0 to 5 and 300 with set_data_dtype(uint8) raises, as numpy's own conversion of 300 does, or
#            only the label 300 is lost.
# Behaviour  nibabel finds a scale at which the largest value fits and stores it in the header (scl_slope). All labels are
#            multiplied: what reads the file gets numbers that are no labels any more, without a warning, and a mask
#            "label == 1" is empty. With every label up to 255 the labels stay whole.
# Seen       0, 1, 2, 3, 5 come back unchanged; 0, 1, 2, 3, 5, 300 come back as 0.0, 1.176, 2.353, 3.529, 4.706, 300.0,
#            by nibabel and by SimpleITK (as 32-bit float)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check nibabel==5.4.2 SimpleITK==2.5.7 numpy==2.4.6
cat > look.py <<'EOF'
import warnings

import nibabel
import numpy as np
import SimpleITK as sitk

warnings.simplefilter("error")
for labels, seen in (
    ([0, 1, 2, 3, 5], [0, 1, 2, 3, 5]),
    ([0, 1, 2, 3, 5, 300], [0.0, 1.176, 2.353, 3.529, 4.706, 300.0]),
):
    image = nibabel.Nifti1Image(np.array(labels, np.int16).reshape(1, 1, -1), np.eye(4))
    image.set_data_dtype(np.uint8)
    nibabel.save(image, "labels.nii")
    by_nibabel = nibabel.load("labels.nii").get_fdata().ravel()
    read = sitk.ReadImage("labels.nii")
    by_itk = sitk.GetArrayFromImage(read).ravel()
    print(f"{labels}: nibabel {np.round(by_nibabel, 3).tolist()}, SimpleITK {read.GetPixelIDTypeAsString()}")
    for found in (by_nibabel, by_itk):
        assert np.allclose(found, seen, atol=1e-3), "the behaviour has changed"
EOF
env/bin/python look.py
