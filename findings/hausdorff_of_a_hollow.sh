#!/usr/bin/env bash
# The Hausdorff distance of a mask and the same mask with a hollow: of all voxels in SimpleITK, of surfaces elsewhere.
#
# Versions   SimpleITK 2.5.7, MONAI 1.6.1, MedPy 0.5.2, torch 2.13.0, numpy 2.4.6
# Expected   All packages that measure two segmentations give one (plain, not 95th percentile) Hausdorff distance.
# Behaviour  MONAI and medpy measure between surfaces, and the wall of a hollow is a surface. SimpleITK's
#            HausdorffDistanceImageFilter measures between all voxels of the masks, so a voxel of the hollow's wall is at
#            0 mm from the full mask, and only the depth of the hollow counts. Where one mask sticks out of the other all
#            agree, also on oblique grids.
# Seen       voxels of 0.7 x 1.1 x 2.5 mm, a box, and the box with a hollow of 6 x 4 x 2 voxels: SimpleITK 2.1 mm, MONAI
#            and medpy 7.7 mm; the box with a spur: 20.0 mm by each
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check \
    SimpleITK==2.5.7 torch==2.13.0 monai==1.6.1 MedPy==0.5.2 numpy==2.4.6
cat > look.py <<'EOF'
import numpy as np
import SimpleITK as sitk
import torch
from medpy.metric.binary import hd
from monai.metrics import compute_hausdorff_distance

SPACING = (0.7, 1.1, 2.5)
box = np.zeros((30, 40, 50), bool)
box[10:20, 10:30, 10:40] = True
hollow, spur = box.copy(), box.copy()
hollow[14:16, 18:22, 22:28] = False
spur[20:28, 19:21, 25:27] = True


def by_itk(*masks):
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in masks]
    for image in images:
        image.SetSpacing(SPACING)
    measure = sitk.HausdorffDistanceImageFilter()
    measure.Execute(*images)
    return measure.GetHausdorffDistance()


def by_monai(*masks):
    tensors = [torch.from_numpy(mask[None, None]).float() for mask in masks]
    return float(compute_hausdorff_distance(*tensors, include_background=True, spacing=list(SPACING[::-1])))


for name, other, seen in (("spur", spur, (20.0, 20.0, 20.0)), ("hollow", hollow, (2.1, 7.7, 7.7))):
    found = by_itk(box, other), by_monai(box, other), hd(box, other, voxelspacing=SPACING[::-1])
    print(f"{name}: SimpleITK {found[0]:.1f}, MONAI {found[1]:.1f}, medpy {found[2]:.1f} mm")
    assert np.allclose(found, seen, atol=1e-3), f"{name}: the behaviour has changed"
EOF
env/bin/python -W ignore look.py
