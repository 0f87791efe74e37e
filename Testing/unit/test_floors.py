"""The floors of the house: which room may import which, so that a new method needs to touch none of them.

A room is a folder of the library. Two rooms have two storeys: ``recipes`` holds the data that lower rooms read
(spec, registry and each ``recipe.py``), ``recipes.<method>`` what the method computes; ``phantoms`` holds what all
phantoms share, ``phantoms.<method>`` those of one method.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "HCCAssistLib"

BASE = {"base"}
IMAGES = BASE | {"imaging", "dicom"}
DATA = IMAGES | {"cohort", "recipes", "results"}
COMPUTING = DATA | {"models", "inference", "explain", "evaluation", "training"}
WINDOWLESS = COMPUTING | {"phantoms", "jobs"}

ALLOWED = {
    "base": set(),
    "imaging": BASE,
    "dicom": BASE | {"imaging"},
    "cohort": IMAGES,
    "recipes": IMAGES | {"cohort"},
    "results": BASE | {"imaging"},
    "models": BASE | {"recipes", "results"},
    "inference": DATA | {"models"},
    "explain": BASE | {"imaging"},
    "evaluation": IMAGES | {"cohort", "results"},
    "training": DATA | {"models", "inference", "evaluation"},
    "phantoms": IMAGES | {"cohort"},
    "jobs": DATA | {"models", "inference", "training"},
    "scene": DATA | {"models", "inference", "jobs"},
    "panels": WINDOWLESS | {"scene"},
    "cli": WINDOWLESS | {"scene"},
    "recipes.*": COMPUTING,
    "phantoms.*": COMPUTING | {"phantoms", "recipes.*"},
    "modules": WINDOWLESS | {"scene", "panels", "recipes.*", "phantoms.*"},
}
"""What each room may import; besides, a method's own rooms import each other's, and never another method's."""

TO_MEND: set[tuple[str, str]] = {
    ("HCCAssistLib/cli/demo.py", "phantoms.ltp"),
    ("HCCAssistLib/cli/demo.py", "recipes.ltp"),
    ("HCCAssistLib/cli/evaluate.py", "recipes.ltp"),
    ("HCCAssistLib/evaluation/held_out.py", "models"),
    ("HCCAssistLib/evaluation/held_out.py", "recipes"),
    ("HCCAssistLib/evaluation/report.py", "models"),
    ("HCCAssistLib/evaluation/report_model_card.py", "models"),
    ("HCCAssistLib/evaluation/report_model_card.py", "recipes"),
    ("HCCAssistLib/jobs/tasks.py", "phantoms.ltp"),
    ("HCCAssistLib/scene/sample.py", "phantoms.ltp"),
}
"""Imports against the floors that are not mended yet: (file, room it imports)."""

WINDOWS = {"qt": {"panels", "modules"}, "ctk": {"panels", "modules"}}
SCENES = {"slicer": {"scene", "panels", "modules"}, "vtk": {"scene", "panels", "modules"}}


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
    return sorted([*LIBRARY.rglob("*.py"), *(ROOT / "HCCAssist").rglob("*.py")])


def room_of_file(path: Path) -> str:
    return room_of(path.relative_to(LIBRARY).with_suffix("").parts) if path.is_relative_to(LIBRARY) else "modules"


def imported(path: Path) -> set[str]:
    """Everything that a file imports, at its top or inside a function, by its dotted name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def rooms_imported(path: Path) -> set[str]:
    found = (name.split(".")[1:] for name in imported(path) if name.startswith("HCCAssistLib."))
    return {room_of(tuple(parts)) for parts in found if parts}


def may_import(room: str, other: str) -> bool:
    family, _, method = room.partition(".")
    other_family, _, other_method = other.partition(".")
    if room == other or (method and method == other_method and {family, other_family} == {"recipes", "phantoms"}):
        return room == other or family == "phantoms"
    allowed = ALLOWED[f"{family}.*" if method else room]
    if other_method:
        return f"{other_family}.*" in allowed and (not method or method == other_method)
    return other in allowed


def against_the_floors() -> set[tuple[str, str]]:
    return {
        (path.relative_to(ROOT).as_posix(), other)
        for path in python_files()
        for other in rooms_imported(path)
        if not may_import(room_of_file(path), other)
    }


def test_every_room_imports_only_from_below() -> None:
    assert sorted(against_the_floors() - TO_MEND) == []


def test_what_is_listed_as_to_mend_is_not_mended_yet() -> None:
    assert sorted(TO_MEND - against_the_floors()) == []


@pytest.mark.parametrize(("package", "rooms"), [*WINDOWS.items(), *SCENES.items()])
def test_windows_and_scenes_stay_in_their_rooms(package: str, rooms: set[str]) -> None:
    found = [path for path in python_files() if any(name.split(".")[0] == package for name in imported(path))]
    assert [p.relative_to(ROOT).as_posix() for p in found if room_of_file(p) not in rooms] == []


def test_every_folder_of_the_library_is_a_known_room() -> None:
    rooms = {room_of_file(path) for path in python_files()}
    assert {room if "." not in room else f"{room.split('.')[0]}.*" for room in rooms} <= set(ALLOWED)


def test_the_floors_hold_no_circle() -> None:
    order: list[str] = []
    rest = dict(ALLOWED)
    while rest:
        free = [room for room, below in rest.items() if below - {room} <= set(order)]
        assert free, f"a circle among {sorted(rest)}"
        order += free
        rest = {room: below for room, below in rest.items() if room not in free}
