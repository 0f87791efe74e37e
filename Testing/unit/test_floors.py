"""The floors of the house hold: a new method needs to touch none of the rooms below it."""

from __future__ import annotations

import sys

import floors
import pytest
from floors import ALLOWED, ROOT, imported, kind_of, may_import, python_files, room_of_file, rooms_imported

WINDOWS = {"qt": {"panels", "modules"}, "ctk": {"panels", "modules"}}
SCENES = {"slicer": {"scene", "panels", "modules"}, "vtk": {"scene", "panels", "modules"}}

CLUSTERS = {"paramiko": {"jobs"}}


def against_the_floors() -> set[tuple[str, str]]:
    return {
        (path.relative_to(ROOT).as_posix(), other)
        for path in python_files()
        for other in rooms_imported(path)
        if not may_import(room_of_file(path), other)
    }


def test_every_room_imports_only_from_below() -> None:
    assert sorted(against_the_floors()) == []


@pytest.mark.parametrize(("package", "rooms"), [*WINDOWS.items(), *SCENES.items(), *CLUSTERS.items()])
def test_windows_and_scenes_stay_in_their_rooms(package: str, rooms: set[str]) -> None:
    found = [path for path in python_files() if any(name.split(".")[0] == package for name in imported(path))]
    assert [p.relative_to(ROOT).as_posix() for p in found if room_of_file(p) not in rooms] == []


def test_every_folder_of_the_library_is_a_known_room() -> None:
    assert {kind_of(room_of_file(path)) for path in python_files()} <= set(ALLOWED)


def test_the_floors_hold_no_circle() -> None:
    assert {room for floor in floors.levels() for room in floor} == set(ALLOWED)


def test_the_picture_of_the_rooms_is_drawn_from_the_imports_as_they_are() -> None:
    drawn = (ROOT / "docs" / "rooms.svg").read_text(encoding="utf-8")
    assert drawn == floors.picture(), "run: python Testing/floors.py docs/rooms.svg"


def test_no_script_is_named_like_a_module_of_python_that_it_would_hide() -> None:
    scripts = [path for folder in ("benchmarks", "examples") for path in (ROOT / folder).glob("*.py")]
    assert scripts
    assert [path.name for path in scripts if path.stem in sys.stdlib_module_names] == []
