#!/usr/bin/env bash
# The 95th-percentile Hausdorff distance of two masks: three packages, three numbers.
#
# Versions   MONAI 1.6.1, medpy 0.5.2, surface-distance 0.1 (DeepMind), torch 2.13.0, numpy 2.4.6
# Expected   "HD95" of the same two masks on the same grid is one number, whatever package is asked.
# Behaviour  MONAI takes the larger of the two directed 95th percentiles. medpy takes the percentile of both directions'
#            distances put together, so a spur that only one mask has is diluted by the other mask's surface.
#            surface-distance takes the larger of the directed percentiles too, but of surface elements weighted by
#            their area instead of surface voxels. All agree on the plain Hausdorff distance here.
# Seen       a cube of 20 mm, and the same cube with a spur of 20 x 3 x 3 mm: MONAI 6.0, medpy 0.0,
#            surface-distance 9.0 mm; Hausdorff distance 20.0 mm by each
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check \
    torch==2.13.0 monai==1.6.1 MedPy==0.5.2 surface-distance==0.1 numpy==2.4.6
cat > look.py <<'EOF'
import numpy as np
import surface_distance
import torch
from medpy.metric.binary import hd, hd95
from monai.metrics import compute_hausdorff_distance

cube = np.zeros((60, 40, 40), bool)
cube[10:30, 10:30, 10:30] = True
spur = cube.copy()
spur[30:50, 18:21, 18:21] = True
one, other = (torch.from_numpy(mask[None, None]).float() for mask in (spur, cube))
measured = surface_distance.compute_surface_distances(spur, cube, (1, 1, 1))
found = {
    "MONAI": [float(compute_hausdorff_distance(one, other, percentile=p)) for p in (95, None)],
    "medpy": [float(hd95(spur, cube)), float(hd(spur, cube))],
    "surface-distance": [float(surface_distance.compute_robust_hausdorff(measured, p)) for p in (95, 100)],
}
seen = {"MONAI": 6.0, "medpy": 0.0, "surface-distance": 9.0}
for package, (ninety_five, plain) in found.items():
    print(f"{package}: HD95 {ninety_five:.1f}, Hausdorff {plain:.1f} mm")
    assert np.isclose(ninety_five, seen[package]) and np.isclose(plain, 20), f"{package}: the behaviour has changed"
EOF
env/bin/python -W ignore look.py
