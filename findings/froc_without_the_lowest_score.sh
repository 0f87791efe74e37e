#!/usr/bin/env bash
# MONAI's FROC leaves out every candidate with the lowest score: a perfect detector can score 0.
#
# Versions   MONAI 1.6.1, torch 2.13.0, numpy 2.4.6
# Expected   compute_froc_curve_data has a point at every score, as a ROC curve has, the lowest included: there all
#            candidates count, so the last sensitivity is the share of lesions that any candidate hits.
# Behaviour  The curve begins at the second lowest score. Lesions found by candidates with the lowest score are never
#            counted, nor are false positives there. Where all scores are equal (a saturated network, or masks without
#            scores) the only point left is (0, 0), and compute_froc_score is 0. One false positive with a still lower
#            score brings the lesions back.
# Seen       2 volumes, 2 lesions, both found, no false positive: scores 0.9 and 0.8 give 0.5, 1.0 and 1.0 give 0.0; with
#            one false positive at 0.1 both give 1.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 monai==1.6.1 numpy==2.4.6
cat > look.py <<'EOF'
import numpy as np
from monai.metrics import compute_froc_curve_data, compute_froc_score

for false_positives, hits, seen in (
    ([], [0.9, 0.8], 0.5),
    ([], [1.0, 1.0], 0.0),
    ([0.1], [0.9, 0.8], 1.0),
    ([0.1], [1.0, 1.0], 1.0),
):
    per_volume, sensitivity = compute_froc_curve_data(np.array(false_positives), np.array(hits), 2, 2)
    score = float(compute_froc_score(per_volume, sensitivity))
    print(f"hits {hits}, false positives {false_positives}: highest {sensitivity.max():.1f}, FROC score {score:.1f}")
    assert np.isclose(sensitivity.max(), seen) and np.isclose(score, seen), "the behaviour has changed"
EOF
env/bin/python -W ignore look.py
