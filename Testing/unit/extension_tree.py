"""The extension's tree as Slicer's build will see it: which files belong to the package, and what is wrong with it."""

from __future__ import annotations

import json
import re
import shutil
from itertools import chain
from pathlib import Path

PACKAGED = ("CMakeLists.txt", "HCCAssist.json", "README.md", "LICENSE.txt", "HCCAssist", "HCCAssistLib", "Resources")
"""All that a package is made from."""


def copy_of_the_tree(root: Path, folder: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__", "*.part")
    for name in PACKAGED:
        if (root / name).is_dir():
            shutil.copytree(root / name, folder / name, ignore=ignore)
        else:
            shutil.copy(root / name, folder / name)


def settings(path: Path) -> dict[str, list[str]]:
    """Variables that a CMake list sets, with ``${...}`` filled in."""
    found: dict[str, list[str]] = {}
    text = re.sub(r"^\s*#.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for name, value in re.findall(r"\bset\s*\(\s*(\w+)\s+(.*?)\)\s*$", text, flags=re.MULTILINE | re.DOTALL):
        for known, values in found.items():
            value = value.replace(f"${{{known}}}", " ".join(values))
        found[name] = [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', value)]
    return found


def module_folders(root: Path) -> list[Path]:
    return sorted(folder for folder in (root / "HCCAssist").iterdir() if any(folder.glob("*.py")))


def files_in(folder: Path) -> set[str]:
    """Files of a folder that belong to the project, by their relative paths."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix not in (".pyc", ".part")
        and not any(part == "__pycache__" or part.startswith(".") for part in path.relative_to(folder).parts)
    }


def library_files(root: Path) -> set[str]:
    return files_in(root / "HCCAssistLib") - {"CMakeLists.txt"}


def faults(root: Path) -> list[str]:
    """What is wrong with the package, as far as reading tells."""
    said = [*_of_the_extension(root), *_of_the_modules(root), *_of_the_library(root), *_of_line_ends(root)]
    return [*said, *_of_the_models(root)]


def _of_the_extension(root: Path) -> list[str]:
    lists = root / "CMakeLists.txt"
    added = set(re.findall(r"^add_subdirectory\((\S+)\)", lists.read_text(encoding="utf-8"), flags=re.MULTILINE))
    wanted = {"HCCAssistLib", *(f"HCCAssist/{folder.name}" for folder in module_folders(root))}
    said = [f"the extension does not contain {name}" for name in sorted(wanted - added)]
    said += [f"the extension names {name}, which is not there" for name in sorted(added - wanted)]
    for key in ("EXTENSION_README_FILE", "EXTENSION_LICENSE_FILE"):
        (named,) = settings(lists).get(key, ["nothing"])
        if not (root / named.removeprefix("${CMAKE_CURRENT_SOURCE_DIR}/")).is_file():
            said.append(f"{key} names no file of the project")
    return said


def _of_the_modules(root: Path) -> list[str]:
    said, owners = [], {}
    for folder in module_folders(root):
        name = folder.name
        there = files_in(folder) - {"CMakeLists.txt"}
        for file in there:
            if file in owners:
                said.append(f"{name} and {owners[file]} both have {file}: one would overwrite the other")
            owners[file] = name
        own = (f"{name}.py", f"Resources/UI/{name}.ui", f"Resources/Icons/{name}.png")
        said += [f"{name} has no {file}" for file in own if file not in there]
        if not (folder / "CMakeLists.txt").is_file():
            said.append(f"{name} has no CMakeLists.txt")
            continue
        text, known = (folder / "CMakeLists.txt").read_text(encoding="utf-8"), settings(folder / "CMakeLists.txt")
        listed = [*known.get("MODULE_PYTHON_SCRIPTS", []), *known.get("MODULE_PYTHON_RESOURCES", [])]
        said += [f"{name} does not list {file}" for file in sorted(there - set(listed))]
        said += [f"{name} lists {file}, which is not there or not its own" for file in listed if file not in there]
        if known.get("MODULE_NAME") != [name]:
            said.append(f"{name} is packaged by another name")
        if "slicer_add_python_unittest(SCRIPT ${MODULE_NAME}.py)" not in text or "WITH_GENERIC_TESTS" not in text:
            said.append(f"the test of {name} is not registered")
    if not any(file.endswith("Requirements.txt") for file in owners):
        said.append("there is no list of requirements")
    return said


def _of_the_library(root: Path) -> list[str]:
    text = (root / "HCCAssistLib" / "CMakeLists.txt").read_text(encoding="utf-8")
    (pattern,) = re.findall(r'EXCLUDE REGEX "(.*__pycache__.*)"', text)
    left_out = re.compile(pattern.replace("\\\\", "\\"))
    return [f"HCCAssistLib leaves out {file}" for file in sorted(library_files(root)) if left_out.search(file)]


def _of_the_models(root: Path) -> list[str]:
    said, there = [], set()
    for card in sorted((root / "HCCAssistLib" / "models" / "shipped").glob("*/model.json")):
        content = json.loads(card.read_text(encoding="utf-8"))
        there.add(content["recipe"])
        missing = (name for name in content["files"] if not (card.parent / name).is_file())
        said += [f"the model {card.parent.name} lacks {name}" for name in missing]
    return said + [
        f"no demonstration model of {recipe} comes along"
        for recipe in ("ltp", "liver-mass", "tace-response", "hepatectomy-recurrence", "ablation-recurrence")
        if recipe not in there
    ]


def _of_line_ends(root: Path) -> list[str]:
    paths = chain.from_iterable(
        (root / name).rglob("*") if (root / name).is_dir() else [root / name] for name in PACKAGED
    )
    texts = [path for path in paths if path.suffix in (".py", ".ui", ".txt", ".json", ".md")]
    return [f"{path.relative_to(root).as_posix()} has other line ends than LF" for path in texts if _has_cr(path)]


def _has_cr(path: Path) -> bool:
    return b"\r" in path.read_bytes()
