"""Registration of three phases to the delayed one beside SimpleITK's plain set-up and elastix; phantoms, no patients.

    OMP_NUM_THREADS=1 python benchmarks/registration.py [folder with itk-elastix]

One thread, CPU seconds of the process, target registration error inside the liver on patients and motions that no
threshold or setting was chosen on. The competitors get the same images and no mask, as they are commonly called.
elastix is fetched by ``pip install --target FOLDER itk-elastix`` and is no part of this project.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import SimpleITK as sitk

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.itk import to_itk
from HCCAssistLib.phantoms.dynamic_t1 import Abdomen, breath
from HCCAssistLib.registration.rigid import register_phases, register_rigid

PATIENTS, PHASES = (101, 102, 103, 104), ("plain", "arterial", "portal")
GOAL_MM, GOAL_PLAIN, GOAL_ELASTIX = 0.5, 6.0, 5.0

Map = Callable[[np.ndarray], np.ndarray]


def plain(fixed: Image, moving: Image) -> Map:
    """SimpleITK's documented example on whole volumes: 50 bins, 10 % of the voxels, three levels, 100 steps each."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.1, 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsGradientDescent(1.0, 100, 1e-6, 10)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    one, other = to_itk(fixed), to_itk(moving)
    start = sitk.CenteredTransformInitializer(
        one, other, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    method.SetInitialTransform(start, True)
    return mapping(method.Execute(one, other))


def mapping(transform: sitk.Transform) -> Map:
    return lambda points: np.array([transform.TransformPoint(point) for point in points.tolist()])


def elastix(itk: Any, fixed: Image, moving: Image) -> Map:
    """elastix's default rigid parameters, without the result image that it would write."""
    images = []
    for image in (fixed, moving):
        made = itk.GetImageFromArray(np.ascontiguousarray(image.array))
        made.SetSpacing(image.geometry.spacing.tolist())
        made.SetOrigin(image.geometry.origin.tolist())
        images.append(made)
    parameters = itk.ParameterObject.New()
    chosen = parameters.GetDefaultParameterMap("rigid")
    chosen["WriteResultImage"] = ["false"]
    parameters.AddParameterMap(chosen)
    _, found = itk.elastix_registration_method(
        *images, parameter_object=parameters, number_of_threads=1, log_to_console=False
    )
    last = found.GetParameterMap(found.GetNumberOfParameterMaps() - 1)
    transform = sitk.Euler3DTransform()
    transform.SetCenter([float(value) for value in last["CenterOfRotationPoint"]])
    transform.SetComputeZYX(last["ComputeZYX"][0] == "true")
    transform.SetParameters([float(value) for value in last["TransformParameters"]])
    return mapping(transform)


def goal(what: str, value: float, target: str, met: bool) -> None:
    print(json.dumps({"goal": what, "value": round(value, 3), "target": target, "met": met}), flush=True)


def main() -> None:
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    itk = None
    if len(sys.argv) > 1:
        sys.path.insert(0, sys.argv[1])
        import itk  # type: ignore[no-redef]

        itk.MultiThreaderBase.SetGlobalDefaultNumberOfThreads(1)
        itk.elastix_registration_method  # noqa: B018  loading it is not what is measured
    else:
        print("SKIPPED: elastix was not measured, for no folder with itk-elastix was given", flush=True)
    seconds: dict[str, list[float]] = defaultdict(list)
    errors: dict[str, list[np.ndarray]] = defaultdict(list)
    failures: list[str] = []
    livers = {}
    for patient in PATIENTS:
        body = Abdomen(patient)
        fixed, liver, points = body.image("delayed", seed=patient), body.liver(), body.liver_points()
        livers[patient] = (fixed, liver)
        for slides in (False, True):
            motions = [breath(10 * patient + n + 5 * slides) for n in range(len(PHASES))]
            motions = [motion.sliding() if slides else motion for motion in motions]
            moving = {
                phase: body.image(phase, motion=motion, seed=patient + 1 + n)
                for n, (phase, motion) in enumerate(zip(PHASES, motions, strict=True))
            }
            kind = "sliding" if slides else "rigid"
            begin = time.process_time()
            ours = register_phases(fixed, moving, liver)
            seconds[f"HCCAssist {kind}"].append(time.process_time() - begin)
            failures += [f"{patient} {kind} {name}: {one.failure}" for name, one in ours.items() if one.failure]
            maps: dict[str, list[Map]] = {"HCCAssist": [one.to_moving for one in ours.values()]}
            others: dict[str, Callable[[Image], Map]] = {"SimpleITK plain": lambda m, f=fixed: plain(f, m)}  # type: ignore[misc]
            if itk is not None:
                others["elastix default"] = lambda m, f=fixed: elastix(itk, f, m)  # type: ignore[misc]
            for name, register in others.items() if patient in PATIENTS[:2] else ():
                begin = time.process_time()
                maps[name] = [register(image) for image in moving.values()]
                seconds[f"{name} {kind}"].append(time.process_time() - begin)
            maps["before"] = [lambda places: places] * len(moving)
            for name, found in maps.items():
                for one, motion in zip(found, motions, strict=True):
                    errors[f"{name} {kind}"].append(np.linalg.norm(one(points) - motion.forward(points), axis=1))
    for name, each in errors.items():
        pooled, cases = np.concatenate(each), [error.mean() for error in each]
        cost = f"{np.mean(seconds[name]):6.2f} CPU s for 3 phases (n = {len(seconds[name])})" if name in seconds else ""
        print(
            f"{name:24s} n = {len(each)} registrations: mean {pooled.mean():.3f} mm, 95th percentile"
            f" {np.percentile(pooled, 95):.3f} mm, worst case's mean {max(cases):.3f} mm {cost}",
            flush=True,
        )
    print(f"true pairs refused: {len(failures)} of {2 * 3 * len(PATIENTS)}", *failures, sep="\n  ", flush=True)
    pairs = [(a, b) for a in PATIENTS for b in PATIENTS if a != b]
    refused = sum(not register_rigid(livers[a][0], livers[b][0], livers[a][1]).succeeded for a, b in pairs)
    print(f"other patient's image refused: {refused} of {len(pairs)}", flush=True)
    error = float(np.concatenate(errors["HCCAssist rigid"]).mean())
    ours_seconds = float(np.mean(seconds["HCCAssist rigid"]))
    goal("rigid, mean error inside the liver, mm", error, f"<= {GOAL_MM:g}", error <= GOAL_MM)
    for name, least in (("SimpleITK plain", GOAL_PLAIN), ("elastix default", GOAL_ELASTIX)):
        if seconds[f"{name} rigid"]:
            ratio = float(np.mean(seconds[f"{name} rigid"])) / ours_seconds
            goal(f"rigid, three phases, times faster than {name}", ratio, f">= {least:g}", ratio >= least)
    goal("other patients refused, share", refused / len(pairs), ">= 1", refused == len(pairs))


if __name__ == "__main__":
    main()
