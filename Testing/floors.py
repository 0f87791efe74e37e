"""The floors of the house: which room of the library may import which, and what is imported indeed.

A room is a folder of the library. Two rooms have two storeys: ``recipes`` holds the data that lower rooms read
(spec, registry and each ``recipe.py``), ``recipes.<method>`` what the method computes; ``phantoms`` holds what all
phantoms share, ``phantoms.<method>`` those of one method.

    python Testing/floors.py docs/rooms.svg     draws the rooms from the imports
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "HCCAssistLib"

BASE = {"base"}
IMAGES = BASE | {"imaging", "dicom"}
DATA = IMAGES | {"cohort", "recipes", "results"}
COMPUTING = DATA | {"models", "inference", "explain", "evaluation", "response", "registration", "margin", "training"}
WINDOWLESS = COMPUTING | {"phantoms", "jobs", "viewer", "importing"}

ALLOWED: Mapping[str, set[str]] = {
    "base": set(),
    "imaging": BASE,
    "dicom": BASE | {"imaging"},
    "cohort": IMAGES,
    "recipes": IMAGES | {"cohort"},
    "results": BASE | {"imaging"},
    "viewer": DATA,
    "models": BASE | {"recipes", "results"},
    "inference": DATA | {"models"},
    "explain": BASE | {"imaging"},
    "registration": BASE | {"imaging"},
    "evaluation": IMAGES | {"cohort", "results"},
    "response": IMAGES | {"cohort", "evaluation"},
    "margin": IMAGES | {"cohort", "evaluation", "registration"},
    "training": DATA | {"models", "inference", "evaluation"},
    "phantoms": IMAGES | {"cohort"},
    "importing": IMAGES | {"cohort", "recipes"},
    "jobs": DATA | {"models", "inference", "training"},
    "scene": DATA | {"models", "inference", "response", "registration", "margin", "jobs"},
    "panels": WINDOWLESS | {"scene"},
    "cli": WINDOWLESS | {"scene"},
    "recipes.*": COMPUTING,
    "phantoms.*": COMPUTING | {"phantoms", "recipes.*"},
    "modules": WINDOWLESS | {"scene", "panels", "recipes.*", "phantoms.*"},
}
"""What each room may import; besides, a method's own rooms import each other's, and never another method's."""

NAMES = {
    "base": "errors files wording",
    "recipes": "recipes (data)",
    "recipes.*": "recipes.<method>",
    "phantoms.*": "phantoms.<method>",
    "modules": "Slicer modules",
}


def room_of(parts: tuple[str, ...]) -> str:
    """The room of a module of the library, or of a name in it, by its path below ``HCCAssistLib``."""
    if not (LIBRARY / parts[0]).is_dir():
        return "base"
    if parts[0] in ("recipes", "phantoms") and len(parts) > 1 and (LIBRARY / parts[0] / parts[1]).is_dir():
        method = parts[1]
        shared = method == "liver" if parts[0] == "phantoms" else parts[2:3] == ("recipe",)
        return parts[0] if shared else f"{parts[0]}.{method}"
    return parts[0]


def python_files() -> list[Path]:
    """Every file of the library and of the modules."""
    return sorted([*LIBRARY.rglob("*.py"), *(ROOT / "HCCAssist").rglob("*.py")])


def room_of_file(path: Path) -> str:
    """The room that a file lies in."""
    return room_of(path.relative_to(LIBRARY).with_suffix("").parts) if path.is_relative_to(LIBRARY) else "modules"


@cache
def imported(path: Path) -> frozenset[str]:
    """Everything that a file imports, at its top or inside a function, by its dotted name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


def rooms_imported(path: Path) -> set[str]:
    """The rooms that a file imports from."""
    found = (name.split(".")[1:] for name in imported(path) if name.startswith("HCCAssistLib."))
    return {room_of(tuple(parts)) for parts in found if parts}


def kind_of(room: str) -> str:
    """``recipes.ltp`` is of the kind ``recipes.*``; every other room is of its own."""
    return f"{room.split('.')[0]}.*" if "." in room else room


def may_import(room: str, other: str) -> bool:
    """Whether a file of one room may import from another."""
    if room == other:
        return True
    same_method = "." not in room or "." not in other or room.split(".")[1] == other.split(".")[1]
    return same_method and kind_of(other) in ALLOWED[kind_of(room)]


def edges() -> set[tuple[str, str]]:
    """Which room imports from which other, by kind of room."""
    found = {(kind_of(room_of_file(path)), kind_of(other)) for path in python_files() for other in rooms_imported(path)}
    return {(room, other) for room, other in found if room != other}


def levels() -> list[list[str]]:
    """The floors from the bottom: each room lies above all that it may import."""
    order: list[list[str]] = []
    rest = dict(ALLOWED)
    while rest:
        below = {room for level in order for room in level}
        free = [room for room, allowed in rest.items() if allowed <= below]
        if not free:
            raise ValueError(f"a circle among {', '.join(rest)}")
        order.append(free)
        rest = {room: allowed for room, allowed in rest.items() if room not in free}
    return order


def picture() -> str:
    """The rooms on their floors as SVG; lines are imports, without those that go by way of another room."""
    width, height, gap, row = 128, 32, 14, 64
    floors = levels()
    widest = max(len(floor) for floor in floors)
    total = widest * (width + gap) + gap
    place = {}
    for level, floor in enumerate(floors):
        left = (total - len(floor) * (width + gap) + gap) / 2
        for number, room in enumerate(floor):
            place[room] = (left + number * (width + gap), 20 + (len(floors) - 1 - level) * row)
    found = edges()
    reach: dict[str, set[str]] = {}
    for floor in floors:
        for room in floor:
            direct = {other for one, other in found if one == room}
            reach[room] = direct.union(*(reach.get(other, ()) for other in direct))
    lines, boxes = [], []
    for room, other in sorted(found):
        direct = {o for one, o in found if one == room}
        if any(other in reach.get(way, ()) for way in direct - {other}):
            continue
        (x, y), (u, v) = place[room], place[other]
        lines.append(
            f'<line x1="{x + width / 2:g}" y1="{y + height:g}" x2="{u + width / 2:g}" y2="{v:g}">'
            f"<title>{escape(room)} imports {escape(other)}</title></line>"
        )
    built = {kind_of(room_of_file(path)) for path in python_files()}
    for room, (x, y) in place.items():
        if room in built:
            boxes.append(
                f'<rect x="{x:g}" y="{y:g}" width="{width}" height="{height}" rx="5"/>'
                f'<text x="{x + width / 2:g}" y="{y + 21:g}">{escape(NAMES.get(room, room))}</text>'
            )
    style = (
        "text{font:12px sans-serif;text-anchor:middle;fill:#123}"
        "rect{fill:#eef4f8;stroke:#468}line{stroke:#8ab;stroke-width:1.2}"
    )
    bottom = 20 + (len(floors) - 1) * row + height + 20
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total:g} {bottom}" role="img">',
            "<title>The rooms of HCCAssist: each imports only from below</title>",
            f"<style>{style}</style>",
            '<rect width="100%" height="100%" style="fill:white;stroke:none"/>',
            *lines,
            *boxes,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(picture(), encoding="utf-8")
