"""The page itself: one file with the programme, what it says, and the voxels, and no address in it."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import atomic_file
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.recipes.registry import RECIPES
from HCCAssistLib.results.detection import DetectionResult
from HCCAssistLib.results.result import Result
from HCCAssistLib.results.stamp import stamp
from HCCAssistLib.viewer.contents import contents, input_of, shown_volumes
from HCCAssistLib.viewer.heat import Heat, heat_on
from HCCAssistLib.viewer.voxels import Packed, packed, packed_bytes

SCRIPTS = ("geometry.js", "volume.js", "mouse.js", "pane.js", "viewer.js", "controls.js", "keys.js", "main.js")
"""In the order in which one needs the other."""

MOST_VOXELS = 220_000_000
"""Of all volumes of a page: beyond, browsers take too long or refuse the file (0.4 GB)."""

ABDOMEN = {"Abdomen": Window(60, 400), "Narrow liver": Window(70, 150)}
"""Offered besides the windows of the recipe."""

_IMPORT = re.compile(r"^import .*?;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


def write_page(
    result: Result, volumes: Mapping[str, Image], path: Path, *, case_id: str = "", synthetic: bool = False
) -> None:
    """Write a result with its images as one page, whole or not at all.

    Args:
        result: of any kind.
        volumes: that it is about, by their places.
        path: of the page.
        case_id: a pseudonym to show, empty where there is none.
        synthetic: no patient, which the page says.

    Raises:
        InputError: the volumes are too large for a browser.
    """
    places = shown_volumes(result)
    voxels = sum(volumes[place].array.size for place in places)
    if voxels > MOST_VOXELS:
        raise InputError(
            f"the images have {voxels / 1e6:,.0f} million voxels, and browsers open pages of up to "
            f"{MOST_VOXELS / 1e6:,.0f} million",
            ", ".join(places),
            "look at this result in 3D Slicer",
        )
    with atomic_file(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        for text in _parts(result, {place: volumes[place] for place in places}, case_id, synthetic):
            file.write(text)


def script() -> str:
    """The modules of the page as one: without imports and exports, since pages that lie on a disk cannot load any."""
    folder = files("HCCAssistLib.viewer") / "assets"
    modules = ((folder / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", module)) for module in modules)


def _parts(result: Result, volumes: Mapping[str, Image], case_id: str, synthetic: bool) -> Iterator[str]:
    """The page, piece by piece: a volume's voxels are packed while they are written."""
    folder = files("HCCAssistLib.viewer") / "assets"
    template = (folder / "viewer.html").read_text(encoding="utf-8")
    style, programme = (folder / "viewer.css").read_text(encoding="utf-8"), script()
    about = contents(result)
    recipe = RECIPES.get(result.run.recipe)
    windows = {**(recipe.windows if recipe else {}), **ABDOMEN}
    units = {place: input_of(result, place).unit for place in volumes}
    all_packed = {place: packed(image, hounsfield=units[place] == "HU") for place, image in volumes.items()}
    heats = {
        place: heat_on(result.heatmaps[place], one.geometry, _boxes(result)) if place in result.heatmaps else None
        for place, one in all_packed.items()
    }
    tilt = max(image.geometry.obliquity_degrees for image in volumes.values())
    about |= {
        "caseId": case_id,
        "synthetic": synthetic,
        "syntheticModel": result.run.synthetic_model,
        "stamp": stamp(case=synthetic, model=result.run.synthetic_model),
        "axesNote": _axes_note(tilt),
        "windows": {name: {"level": w.level, "width": w.width} for name, w in windows.items()},
        "volumes": [
            _volume(place, units[place], volumes[place], one, heats[place], windows)
            for place, one in all_packed.items()
        ],
    }
    head, tail = (_filled(part, about, style, programme) for part in template.split("{{voxels}}"))
    yield head
    for number, (place, one) in enumerate(all_packed.items()):
        for slab, text in enumerate(one.slabs()):
            yield _block(f"v{number}s{slab}", text)
        if (heat := heats[place]) is not None:
            yield _block(f"v{number}heat", packed_bytes(heat.strength.tobytes()))
            if heat.owners is not None:
                yield _block(f"v{number}owners", packed_bytes(heat.owners.tobytes()))
    yield tail


def _filled(template: str, about: Mapping[str, Any], style: str, programme: str) -> str:
    values = {
        "script_hash": _hash(programme),
        "style_hash": _hash(style),
        "title": html.escape(f"{about['title']} {about['caseId']}".strip()),
        "style": style,
        "script": programme,
        "about": json.dumps(about, allow_nan=False).replace("<", "\\u003c"),  # no text ends the script element
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], template)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _block(name: str, text: str) -> str:
    """Data that no browser takes for a programme."""
    return f'<script type="text/plain" id="{name}">{text}</script>\n'


def _boxes(result: Result) -> list[Any]:
    """Boxes whose heat is shown or hidden with them: only candidates come and go."""
    return [one.box for one in result.candidates] if isinstance(result, DetectionResult) else []


def _volume(
    place: str, unit: str, image: Image, one: Packed, heat: Heat | None, windows: Mapping[str, Window]
) -> dict[str, Any]:
    time_point, _, name = place.partition("/")
    window = _window(one, unit, name, windows)
    own = {"level": window.level, "width": window.width}
    return {
        "place": place,
        "timePoint": time_point,
        "title": f"{time_point}, {name.replace('_', ' ')}",
        "unit": unit,
        "shape": list(one.numbers.shape[::-1]),
        "affine": one.geometry.affine[:3].tolist(),
        "spacing": one.geometry.spacing.tolist(),
        "slope": one.slope,
        "intercept": one.intercept,
        "empty": int(one.numbers.min()),
        "first": [list(numbers) for numbers in one.first],
        "slab": one.slab,
        "tilt": image.geometry.obliquity_degrees,
        "window": own,
        "ownWindow": own,
        "heat": heat
        and {
            "start": list(heat.start),
            "shape": list(heat.strength.shape[::-1]),
            "owned": heat.owners is not None,
        },
    }


def _window(one: Packed, unit: str, name: str, windows: Mapping[str, Window]) -> Window:
    """To begin with: the recipe's, the one for the phase where it has several; of what has no unit, what it spans."""
    if unit == "HU":
        return next((w for title, w in windows.items() if title.endswith(f", {name}")), next(iter(windows.values())))
    low, high = np.percentile(one.numbers[:: max(1, len(one.numbers) // 16)], (1, 99.5)) * one.slope + one.intercept
    return Window((low + high) / 2, max(high - low, one.slope))


def _axes_note(tilt: float) -> str:
    """In which planes the slices lie."""
    words = (
        "Planes follow the scan's own axes: an axial picture is a slice as it was acquired. Between voxels the screen "
        "interpolates (key I)."
    )
    if tilt < 1:
        return words
    tilted = f"They are tilted from the patient's axes by up to {tilt:.0f}\N{DEGREE SIGN}"
    return f"{words} {tilted}; letters and millimetres are the patient's."
