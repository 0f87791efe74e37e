#!/usr/bin/env bash
# Random samples of a SimpleITK registration stay the same while an optimiser runs.
#
# Versions   SimpleITK 2.5.7, numpy 2.4.6
# Expected   With the sampling strategy RANDOM every iteration looks at other voxels, as stochastic gradient descent does
#            (elastix has NewSamplesEveryIteration for it): the metric sways where the transform stays.
# Behaviour  Samples are drawn once, when a level begins; all iterations of it see the same ones, and the transform is
#            fitted with their noise. New ones come with a new Execute() under another seed alone.
# Seen       5 iterations that do not move: 1 value of the metric; 5 runs with other seeds: 5 values.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check SimpleITK==2.5.7 numpy==2.4.6
cat > look.py <<'EOF'
import numpy as np
import SimpleITK as sitk

rng = np.random.default_rng(0)
smooth = sitk.DiscreteGaussian(sitk.GetImageFromArray(rng.normal(size=(40, 40, 40)).astype(np.float32)), 4.0)
moving = sitk.Resample(smooth, sitk.TranslationTransform(3, (1.3, -0.7, 0.4)))


def values(seed: int) -> list[float]:
    """Of the metric in iterations whose steps are too short to move anything."""
    found = []
    search = sitk.ImageRegistrationMethod()
    search.SetMetricAsMattesMutualInformation(32)
    search.SetMetricSamplingStrategy(search.RANDOM)
    search.SetMetricSamplingPercentage(0.02, seed)
    search.SetInterpolator(sitk.sitkLinear)
    search.SetOptimizerAsGradientDescent(1e-12, 5, convergenceMinimumValue=-1e9)
    search.SetInitialTransform(sitk.TranslationTransform(3), inPlace=False)
    search.SetNumberOfThreads(1)
    search.AddCommand(sitk.sitkIterationEvent, lambda: found.append(search.GetMetricValue()))
    search.Execute(smooth, moving)
    return found


one = values(1)
others = [values(seed)[0] for seed in range(1, 6)]
print(len(one), "iterations:", [round(value, 6) for value in one])
print("other seeds:", [round(value, 6) for value in others])
assert len(one) == 5 and max(one) - min(one) < 1e-9, "the behaviour has changed"
assert len({round(value, 6) for value in others}) == 5
EOF
env/bin/python look.py
