"""How often the phase reader is right, silent or wrong on CT whose phase is known, whatever its slices and its crop.

Every CT is resampled to slices of 1 to 10 mm, averaged over the slice (thick) or taken from it (gaps between thin
slices), and cut: whole, upper and lower half, a box round the liver, the patient's right half, a field of view that
cuts the flanks and the back, and what has no liver (thorax and pelvis ends). ``--perturb`` asks the same of other
noise, kernels, offsets and body sizes. The counts of real scans, of real scans painted with another phase, and of
phantoms are told apart; "right" and "wrong" count the answers that name a phase.
"""

from __future__ import annotations

import argparse
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from HCCAssistLib.dicom.volume import read_volume
from HCCAssistLib.imaging.abdomen import Scan
from HCCAssistLib.imaging.abdomen_organs import find_liver
from HCCAssistLib.imaging.abdomen_spine import find_spine
from HCCAssistLib.imaging.contrast import Phase
from HCCAssistLib.imaging.enhancement import contrast_evidence
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import to_lps_order
from HCCAssistLib.phantoms.liver.scene import draw_scene

SHARED = Path(__file__).resolve().parents[2] / "shared/data"
THICKNESSES = (1.0, 1.25, 2.0, 2.5, 3.0, 5.0, 7.5, 8.0, 10.0)
PAINTS: dict[str, tuple[Phase, tuple[int, ...]]] = {
    "arterial": ("arterial", (68, 115, 170, 170, 95, 300, 60, 110)),
    "weak arterial": ("arterial", (60, 85, 130, 130, 75, 220, 55, 75)),
    "portal": ("portal-or-later", (108, 120, 185, 185, 100, 150, 145, 165)),
    "portal, fatty": ("portal-or-later", (62, 120, 185, 185, 100, 150, 145, 160)),
    "portal, low kV": ("portal-or-later", (140, 160, 230, 230, 130, 215, 205, 225)),
    "delayed": ("portal-or-later", (88, 95, 140, 140, 85, 105, 105, 108)),
    "unenhanced": ("unenhanced", (56, 46, 32, 32, 40, 42, 40, 42)),
}
"""Attenuation of LABELS."""
LABELS = (5, 1, 2, 3, 7, 52, 63, 64)
"""Liver, spleen, kidneys, pancreas, aorta, vena cava, portal vein in the segmentations of TotalSegmentator."""
Array = npt.NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class Truth:
    """A CT in LPS order whose phase is known.

    Attributes:
        kind: real, painted or phantom.
        whole: the liver is in it from end to end, or nearly.
        box: first and last index of the liver along ``(k, j, i)``.
    """

    name: str
    kind: str
    image: Image
    phase: Phase
    whole: bool
    box: tuple[slice, slice, slice]


def truth(name: str, kind: str, image: Image, phase: Phase, whole: bool) -> Truth:
    ordered = to_lps_order(image)
    scan = Scan.of(ordered)
    spine = find_spine(scan)
    liver = None if spine is None else find_liver(scan, spine)
    if liver is None:
        raise SystemExit(f"{name}: the liver was not found, so that no box can be cut round it")
    size = np.array(ordered.array.shape) / scan.hu.shape
    places = np.argwhere(liver.mask)
    low, high = (places.min(axis=0) * size).astype(int), ((places.max(axis=0) + 1) * size).astype(int)
    return Truth(
        name, kind, ordered, phase, whole, tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    )


def scans(folder: Path) -> Iterator[Truth]:
    """Every CT of known phase; those of ../shared only where it is."""
    if SHARED.is_dir():
        examples = SHARED / "ts_examples"
        yield truth(
            "unenhanced, 3 mm, dome cut", "real", read_image(examples / "example_ct.nii.gz"), "unenhanced", True
        )
        for name, archive, whole in (
            ("portal, 5 mm, whole liver", "crlm_ct_1004/CRLM-CT-1004.zip", True),
            ("portal, 2 mm, 40 mm high", "ts_examples/example_ct_dicom.zip", False),
        ):
            with zipfile.ZipFile(SHARED / archive) as file:
                file.extractall(folder / Path(archive).stem)
            image = read_volume(
                next(path for path in (folder / Path(archive).stem).rglob("*") if path.is_file()).parent
            )
            yield truth(name, "real", image, "portal-or-later", whole)
            if whole:
                yield truth(
                    "unenhanced, 5 mm, whole liver", "painted", _repainted(image, "unenhanced"), "unenhanced", True
                )
                yield truth("arterial, 5 mm, whole liver", "painted", _repainted(image, "arterial"), "arterial", True)
            else:
                labels = to_lps_order(read_image(examples / "example_seg_dicom.nii.gz")).array
                yield from _painted("2 mm, 40 mm high", to_lps_order(image), labels)
        small = read_image(examples / "example_ct_sm.nii.gz")
        yield from _painted("3 mm, 90 mm high", small, read_image(examples / "example_seg.nii.gz").array)
    else:
        print(f"SKIPPED: {SHARED} not found, so that no real CT was read; phantoms only")
    for seed in range(4):
        rng = np.random.default_rng(seed)
        scene = draw_scene(rng, "abdomen" if seed % 2 else "liver")
        yield truth(f"phantom {seed}", "phantom", Image(scene.develop(rng), scene.canvas.geometry), "arterial", True)


def _painted(name: str, image: Image, labels: Array) -> Iterator[Truth]:
    for paint, (phase, levels) in PAINTS.items():
        array = image.array.copy()
        for label, level in zip(LABELS, levels, strict=True):
            if (labels == label).any():
                array[labels == label] += np.int16(level - np.median(image.array[labels == label]))
        yield truth(f"{paint}, {name}", "painted", image.with_array(array, "painted"), phase, "90 mm" in name)


def _repainted(image: Image, phase: Phase) -> Image:
    """A portal CT with the enhancement of its soft tissue taken away, and that of the arterial phase put there."""
    ordered = to_lps_order(image)
    scan = Scan.of(ordered)
    spine = find_spine(scan)
    assert spine is not None
    left, front = spine.offsets(scan)
    full = [
        np.linspace(0, n - 1, m).round().astype(int) for n, m in zip(scan.hu.shape, ordered.array.shape, strict=True)
    ]
    on_scan = np.ix_(*full)
    vertebra = ((spine.beyond_vertebra(left, front) < 4) | ((np.abs(left) < 30) & (front < 12)))[on_scan]
    hu = ordered.array.astype(np.float32)
    bone = vertebra | ndimage.binary_dilation(hu > 260, np.ones((1, 9, 9), dtype=bool))
    soft = ~bone & (hu > 55)
    made = np.where(soft, 55 + 0.1 * (hu - 55), hu)
    if phase == "arterial":
        height = np.linspace(0, 1, len(scan.hu))[:, None, None].clip(0.7, 1) - 0.7
        near_aorta = (np.hypot(left - 16 + 27 * height, front - 48 + 35 * height) < 16)[on_scan]
        kidney = ~bone & (hu > 145) & ((np.abs(left) > 30) & (front < 70))[on_scan]
        spleen = ~bone & (hu > 95) & ((left > 45) & (front < 60))[on_scan]
        made = np.where(kidney | spleen, hu, made)
        near_aorta &= (spine.beyond_vertebra(left, front) > 0)[on_scan]
        aorta = ndimage.binary_opening(near_aorta & (hu > 100) & (hu < 190), np.ones((1, 5, 5), dtype=bool))
        made = np.where(aorta, hu + 165, made)
    return ordered.with_array(made.round().astype(np.int16), "painted")


def resliced(image: Image, thickness: float, mode: str) -> Image:
    """Slices this far apart: means over the slice, or thin slices with gaps."""
    spacing = float(image.geometry.spacing[2])
    array = image.array.astype(np.float32)
    if mode == "thick" and thickness > spacing:
        array = ndimage.uniform_filter1d(array, max(1, round(thickness / spacing)), axis=0, mode="nearest")
    places = np.arange(0, len(array) - 1 + 1e-6, thickness / spacing)
    low = np.floor(places).astype(int)
    part = (places - low)[:, None, None].astype(np.float32)
    if mode == "gaps":
        array = array[np.round(places).astype(int)]
    else:
        array = array[low] * (1 - part) + array[np.minimum(low + 1, len(array) - 1)] * part
    affine = image.geometry.affine.copy()
    affine[:3, 2] *= thickness / spacing
    return Image(array.round().astype(np.int16), Geometry(array.shape, affine), image.name)


def crops(case: Truth) -> dict[str, tuple[slice, slice, slice]]:
    """Slices of the original grid along ``(k, j, i)``."""
    nk, nj, ni = case.image.array.shape
    k, j, i = case.box
    mj, mi = (round(10 / step) for step in case.image.geometry.spacing[1::-1])
    every = slice(None)
    scan = Scan.of(case.image)
    columns = np.flatnonzero(scan.body.any(axis=(0, 1))) * ni / scan.hu.shape[2]
    rows = np.flatnonzero(scan.body.any(axis=(0, 2))) * nj / scan.hu.shape[1]
    width, depth = np.ptp(columns), np.ptp(rows)
    return {
        "whole": (every, every, every),
        "upper half": (slice(nk // 2, None), every, every),
        "lower half": (slice(0, nk // 2), every, every),
        "liver box": (k, slice(max(0, j.start - mj), j.stop + mj), slice(max(0, i.start - mi), i.stop + mi)),
        "right half": (every, every, slice(0, int(columns[0] + width / 2))),
        "cut field": (
            every,
            slice(int(rows[0] + 0.1 * depth), int(rows[-1] - 0.1 * depth)),
            slice(int(columns[0] + 0.15 * width), int(columns[-1] - 0.15 * width)),
        ),
        "below the liver": (slice(0, k.start), every, every),
        "no right side": (every, every, slice(int(columns[0] + width / 2), None)),
    }


def cut(image: Image, box: tuple[slice, slice, slice]) -> Image | None:
    starts, stops, _ = zip(*(part.indices(n) for part, n in zip(box, image.array.shape, strict=True)), strict=True)
    size = [stop - start for start, stop in zip(starts, stops, strict=True)]
    if min(size) < 4:
        return None
    return Image(image.array[box], image.geometry.crop(starts[::-1], size), image.name)


def verdict(image: Image, phase: Phase) -> str:
    found = contrast_evidence(image).phase
    return "unknown" if found == "unknown" else "right" if found == phase else "wrong"


PERTURBATIONS: dict[str, Callable[[Image, np.random.Generator], Image]] = {
    **{
        f"noise {s}": lambda im, rng, s=s: _changed(im, im.array + rng.normal(0, s, im.array.shape))
        for s in (10, 20, 40)
    },
    **{f"{d:+d} HU": lambda im, _, d=d: _changed(im, im.array.clip(-1024) + d) for d in (-10, 10)},
    "smooth kernel": lambda im, _: _changed(im, ndimage.gaussian_filter(im.array.astype(np.float32), (0, 1.2, 1.2))),
    "sharp kernel": lambda im, _: _changed(
        im, 2.0 * im.array - ndimage.gaussian_filter(im.array.astype(np.float32), (0, 1.2, 1.2))
    ),
    **{f"body x {f}": lambda im, _, f=f: _scaled(im, f) for f in (0.8, 0.9, 1.1, 1.25)},
    "left-right flipped": lambda im, _: _changed(im, im.array[:, :, ::-1]),
    "front-back flipped": lambda im, _: _changed(im, im.array[:, ::-1]),
    "head-foot flipped": lambda im, _: _changed(im, im.array[::-1]),
    "+1024": lambda im, _: _changed(im, im.array.clip(-1024) + 1024),
    "0 to 1": lambda im, _: replace(im, array=((im.array.clip(-1024, 1024) + 1024) / 2048).astype(np.float32)),
    "window -160..240": lambda im, _: _changed(im, im.array.clip(-160, 240)),
    "dense vertebrae": lambda im, _: _dense_bone(im, 320),
    "thin bone": lambda im, _: _changed(im, np.where(im.array > 130, 130 + 0.6 * (im.array - 130.0), im.array)),
}


def _changed(image: Image, array: npt.NDArray[np.generic]) -> Image:
    return image.with_array(np.clip(np.round(array), -3024, 3071).astype(np.int16), "changed")


def _scaled(image: Image, factor: float) -> Image:
    affine = image.geometry.affine.copy()
    affine[:3, :3] *= factor
    return replace(image, geometry=Geometry(image.geometry.shape, affine))


def _dense_bone(image: Image, level: float) -> Image:
    """Marrow as bright as in sclerosis: what bone encloses."""
    scan = Scan.of(image)
    spine = find_spine(scan)
    if spine is None:
        return image
    inside = spine.beyond_vertebra(*spine.offsets(scan)) < 0
    inside &= (spine.offsets(scan)[1] > 8) & spine.seen[:, None, None]
    full = [np.linspace(0, n - 1, m).round().astype(int) for n, m in zip(scan.hu.shape, image.array.shape, strict=True)]
    marrow = inside[np.ix_(*full)] & (image.array > 60)
    return _changed(image, np.where(marrow, np.maximum(image.array, level), image.array))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--perturb", action="store_true", help="also noise, kernels, offsets, body sizes")
    parser.add_argument("--kinds", nargs="+", default=["real", "painted", "phantom"])
    parser.add_argument("--verbose", action="store_true", help="name every answer that is wrong")
    arguments = parser.parse_args()
    totals: dict[tuple[str, str, str], Counter[str]] = {}
    whole: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for case in scans(Path(scratch)):
            if case.kind not in arguments.kinds:
                continue
            spacing = float(case.image.geometry.spacing[2])
            boxes = crops(case)
            counts: dict[str, Counter[str]] = {name: Counter() for name in boxes}
            for thickness in THICKNESSES:
                for mode in ("thick", "gaps"):
                    if mode == "gaps" and thickness <= spacing:
                        continue
                    for crop, box in boxes.items():
                        part = cut(case.image, box)
                        if part is None or part.array.shape[0] * spacing < 2 * thickness:
                            continue
                        answer = verdict(resliced(part, thickness, mode), case.phase)
                        counts[crop][answer] += 1
                        if case.whole and crop == "whole" and thickness <= 5:
                            whole.setdefault(case.kind, Counter())[answer] += 1
                        if answer == "wrong" and arguments.verbose:
                            print(f"  WRONG {case.name}, {thickness} mm, {mode}, {crop}")
            if arguments.perturb:
                for name, change in PERTURBATIONS.items():
                    rng = np.random.default_rng(0)
                    answer = verdict(change(case.image, rng), case.phase)
                    counts.setdefault("perturbed", Counter())[answer] += 1
                    if answer != "right" and arguments.verbose:
                        print(f"  {answer} {case.name}, {name}")
            print(f"{case.kind}: {case.name}")
            for crop, count in counts.items():
                totals.setdefault((case.kind, crop, ""), Counter()).update(count)
                print(f"  {crop:16s} {_line(count)}")
    print("\nkind      crop             right unknown wrong")
    for (kind, crop, _), count in totals.items():
        print(f"{kind:9s} {crop:16s} {_line(count)}")
    for kind, count in whole.items():
        share = count["right"] / max(1, count.total())
        print(f"whole liver, slices of 1-5 mm, {kind}: {_line(count)}, {share:.0%} right (goal: 80 %, none wrong)")


def _line(count: Counter[str]) -> str:
    return f"{count['right']:5d} {count['unknown']:7d} {count['wrong']:5d}"


if __name__ == "__main__":
    main()
