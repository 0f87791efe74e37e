"""The extension as a package: what Slicer's build and the Extensions Index ask for, first read, then packaged for real.

The second half runs Slicer's own CMake macros and CPack; it needs CMake, a C++ compiler (Slicer's macros ask for one;
nothing is compiled) and a source tree of Slicer, named by SLICER_SOURCE_DIR.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path, PurePosixPath

import pytest
from extension_tree import copy_of_the_tree, faults, files_in, library_files, module_folders, settings

from HCCAssistLib.scene.rendering import rendering_available

ROOT = Path(__file__).parents[2]
SCHEMA = (
    "https://raw.githubusercontent.com/Slicer/Slicer/main/Schemas/slicer-extension-catalog-entry-schema-v1.0.2.json#"
)
CATEGORIES = {"Analysis", "Segmentation", "Quantification", "Informatics", "Training"}
"""Those of the index that would suit; it knows none for oncology."""


def test_everything_is_listed_for_the_package():
    assert faults(ROOT) == []
    assert {"HCCStudy", "HCCLTPDetection", "HCCTraining"} <= {folder.name for folder in module_folders(ROOT)}


MISTAKES = {
    "module forgotten": ("CMakeLists.txt", "add_subdirectory(HCCAssist/HCCStudy)\n", ""),
    "library forgotten": ("CMakeLists.txt", "add_subdirectory(HCCAssistLib)\n", ""),
    "module that is not there": ("CMakeLists.txt", "## NEXT_MODULE", "add_subdirectory(HCCAssist/HCCNothing)"),
    "Slicer's readme": ("CMakeLists.txt", "set(EXTENSION_README_FILE", "set(EXTENSION_READ_FILE"),
    "panel forgotten": ("HCCAssist/HCCStudy/CMakeLists.txt", "  Resources/UI/${MODULE_NAME}.ui\n", ""),
    "icon forgotten": ("HCCAssist/HCCLTPDetection/CMakeLists.txt", "  Resources/Icons/${MODULE_NAME}.png\n", ""),
    "library in a module's list": (
        "HCCAssist/HCCStudy/CMakeLists.txt",
        "  ${MODULE_NAME}.py\n",
        "  ${MODULE_NAME}.py\n  ../../HCCAssistLib/errors.py\n",
    ),
    "test not registered": ("HCCAssist/HCCStudy/CMakeLists.txt", "slicer_add_python_unittest", "# "),
    "part of the library left out": ("HCCAssistLib/CMakeLists.txt", "(pyc|part)", "(pyc|part|typed)"),
    "weights left out": ("HCCAssistLib/CMakeLists.txt", "(pyc|part)", "(pyc|part|safetensors)"),
    "line ends": ("HCCAssist/HCCStudy/CMakeLists.txt", "\n", "\r\n"),
}


MORE_MISTAKES = ("requirements twice", "new file not listed", "model forgotten", "model without weights")


@pytest.mark.parametrize("mistake", [*MISTAKES, *MORE_MISTAKES])
def test_a_mistake_in_the_lists_is_found(mistake, tmp_path):
    copy_of_the_tree(ROOT, tmp_path)
    before = faults(tmp_path)
    if mistake == "requirements twice":
        theirs, mine = "HCCAssist/HCCLTPDetection", "HCCAssist/HCCStudy"
        name = "Resources/HCCAssistRequirements.txt"
        shutil.copy(tmp_path / mine / name, tmp_path / theirs / name)
    elif mistake.startswith("model "):
        model = tmp_path / "HCCAssistLib" / "models" / "shipped" / "ltp-demonstration-synthetic"
        shutil.rmtree(model) if mistake == "model forgotten" else (model / "weights-0.safetensors").unlink()
    elif mistake == "new file not listed":
        (tmp_path / "HCCAssist" / "HCCStudy" / "Resources" / "colours.txt").write_text("0 0 0\n")
    else:
        file, right, wrong = MISTAKES[mistake]
        text = (tmp_path / file).read_text(encoding="utf-8")
        assert right in text, "the lists changed: adapt this mistake"
        (tmp_path / file).write_text(text.replace(right, wrong), encoding="utf-8", newline="")
    assert set(faults(tmp_path)) - set(before), f"nobody noticed: {mistake}"


# ------------------------------------------------------------------------------------------- the Extensions Index


def test_the_extension_describes_itself_as_the_index_reads_it():
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert re.findall(r"project\s*\(\s*([^\s)]+)", text)[0] == "HCCAssist"
    (icon,) = re.findall(r'set\s*\(EXTENSION_ICONURL\s*"([^"]+)"[ ]*\)', text)
    (pictures,) = re.findall(r'set\s*\(EXTENSION_SCREENSHOTURLS\s*"([^"]+)"\)', text)
    extension = {key: values[0] for key, values in settings(ROOT / "CMakeLists.txt").items()}
    entry = json.loads((ROOT / "HCCAssist.json").read_text(encoding="utf-8"))
    owner = entry["scm_url"].removeprefix("https://github.com/")
    for url in (icon, *pictures.split()):
        start = f"https://raw.githubusercontent.com/{owner}/{entry['scm_revision']}/"
        assert url.startswith(start)
        assert (ROOT / url.removeprefix(start)).is_file(), url
    assert extension["EXTENSION_HOMEPAGE"] == entry["scm_url"]
    assert extension["EXTENSION_CONTRIBUTORS"] == "The HCCAssist contributors"
    assert extension["EXTENSION_DEPENDS"].split() == entry["build_dependencies"] == ["PyTorch"]
    assert extension["EXTENSION_CATEGORY"] == entry["category"]
    assert {"liver", "HCC", "CT"} <= set(extension["EXTENSION_KEYWORDS"].split())
    description = extension["EXTENSION_DESCRIPTION"]
    assert 2 <= description.count(". ") + 1 <= 6
    assert "research use only" in description
    assert not set(';"\\\n') & set(description)  # a list in CMake, or a break in the catalogue


def test_the_entry_of_the_index_keeps_to_its_schema():
    data = (ROOT / "HCCAssist.json").read_bytes()
    assert b"\r" not in data
    entry = json.loads(data)
    assert entry["$schema"] == SCHEMA
    optional = {"scm_revision", "scm_type", "build_dependencies", "build_subdirectory", "enabled", "tier"}
    optional |= {"dicom_support_rule"}
    assert {"$schema", "category", "scm_url"} <= set(entry) <= {"$schema", "category", "scm_url"} | optional
    assert all(isinstance(entry[key], str) for key in ("category", "scm_url", "scm_revision", "build_subdirectory"))
    assert entry["tier"] == 1  # experimental, until others use it
    assert entry["category"] in CATEGORIES
    assert entry["scm_url"].startswith("https://")


def test_the_repository_is_small_and_carries_its_licence():
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if tracked.returncode:
        pytest.skip("SKIPPED: not a git checkout, so nobody knows what belongs to the repository")
    paths = [ROOT / name for name in tracked.stdout.decode().split("\0") if name]
    assert sum(path.stat().st_size for path in paths if path.is_file()) < 20e6
    assert "Apache License" in (ROOT / "LICENSE.txt").read_text(encoding="utf-8")[:300]


def test_icons_are_small_squares():
    paths = [ROOT / "Resources" / "Icons" / "HCCAssist.png", *(ROOT / "HCCAssist").glob("*/Resources/Icons/HCC*.png")]
    assert len(paths) >= 3
    contents = [path.read_bytes() for path in paths]
    for path, content in zip(paths, contents, strict=True):
        assert content.startswith(b"\x89PNG"), path.name
        assert struct.unpack(">II", content[16:24]) == (128, 128), path.name
        assert len(content) < 15_000, path.name
    assert len({hashlib.sha256(content).hexdigest() for content in contents}) == len(contents)


def test_the_requirements_are_those_of_the_library_that_slicer_does_not_ship():
    (path,) = (ROOT / "HCCAssist").glob("*/Resources/*Requirements.txt")
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shipped = ("numpy", "scipy", "SimpleITK", "pydicom", "torch")  # torch by the PyTorch extension
    needed = {line for line in project["dependencies"] if re.split(r"[<>=]", line)[0] not in shipped}
    assert set(lines) == needed


@pytest.mark.parametrize(("name", "extra"), [("Reports", "reports"), ("Clusters", "cluster")])
def test_the_packages_offered_apart_are_those_of_the_extra(name, extra):
    (path,) = (ROOT / "HCCAssist").glob(f"*/Resources/*{name}.txt")
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert lines == project["optional-dependencies"][extra]


def test_every_part_of_the_panels_has_its_layout_and_no_name_twice():
    parts = sorted((ROOT / "HCCAssistLib" / "panels").glob("*.ui"))
    names: dict[str, list[str]] = {}
    for path in parts:
        assert path.with_suffix(".py").is_file(), path.name
        for name in re.findall(r'<widget class="\w+" name="(\w+)"', path.read_text(encoding="utf-8")):
            names.setdefault(name, []).append(path.stem)
    assert {name: where for name, where in names.items() if len(where) > 1} == {}


def test_no_layout_brings_a_style_sheet():
    layouts = [*(ROOT / "HCCAssist").rglob("*.ui"), *(ROOT / "HCCAssistLib").rglob("*.ui")]
    assert len(layouts) >= 10
    assert [path.name for path in layouts if "styleSheet" in path.read_text(encoding="utf-8")] == []


def test_data_of_the_library_also_reach_those_who_install_it_with_pip():
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    patterns = setup["package-data"]["HCCAssistLib"]
    data = [PurePosixPath(file) for file in library_files(ROOT) if not file.endswith(".py")]
    assert [str(file) for file in data if not any(file.match(pattern) for pattern in patterns)] == []


# -------------------------------------------------------------------------------- packaged by Slicer's own macros

NEW = {"HCCAssistLib/newcomer/__init__.py": "ANSWER = 42\n", "HCCAssistLib/newcomer/table.json": "{}\n"}
"""Planted before the package is made: nobody may have to list a new file of the library."""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The folder of the source, of the modules in the unpacked package, and of the build."""
    slicer = os.environ.get("SLICER_SOURCE_DIR")
    if not slicer:
        pytest.skip("SKIPPED: SLICER_SOURCE_DIR names no source tree of Slicer, so nothing was packaged for real")
    cmake = shutil.which("cmake")
    if cmake is None:
        pytest.skip("SKIPPED: there is no cmake, so nothing was packaged for real: apt-get install cmake g++ make")
    folder = tmp_path_factory.mktemp("package")
    source, build = folder / "source", folder / "build"
    source.mkdir()
    copy_of_the_tree(ROOT, source)
    for name, text in NEW.items():
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(text, encoding="utf-8")
    stand_in = ROOT / "Testing" / "packaging"
    run(cmake, "-S", source, "-B", build, f"-DSlicer_DIR={stand_in}", f"-DSLICER_SOURCE_TREE={Path(slicer).resolve()}")
    run(cmake, "--build", build, "--target", "package")
    (archive,) = build.glob("*-HCCAssist-*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(folder / "unpacked", filter="data")
    (modules,) = (folder / "unpacked").glob("*/lib/Slicer-*/qt-scripted-modules")
    return source, modules, build


def run(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


def in_python(code: str, modules: Path, folder: Path, *paths: Path) -> str:
    """Output of a Python that finds the library in the package, and nowhere near the source."""
    path = os.pathsep.join(str(place) for place in (modules, *paths))
    done = subprocess.run(
        [sys.executable, "-c", code, str(modules)],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "HCCASSIST_MODELS": str(folder / "models"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def digests(folder: Path, names: set[str]) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def test_the_package_holds_the_whole_library_and_nothing_else_beside_the_modules(package):
    source, modules, _ = package
    packed = files_in(modules / "HCCAssistLib")
    assert set(NEW) <= {f"HCCAssistLib/{name}" for name in packed}
    assert packed == library_files(source)
    assert digests(modules / "HCCAssistLib", packed) == digests(source / "HCCAssistLib", packed)
    beside = files_in(modules) - {f"HCCAssistLib/{name}" for name in packed}
    assert beside == {
        file for folder in module_folders(source) for file in files_in(folder) if file != "CMakeLists.txt"
    }


def test_every_packaged_script_compiles_and_the_library_is_imported_from_there(package, tmp_path):
    _, modules, _ = package
    for path in modules.rglob("*.py"):
        compile(path.read_bytes(), path.name, "exec")
    code = (
        "import importlib, json, pathlib, sys, HCCAssistLib\n"
        "root = pathlib.Path(HCCAssistLib.__file__).parent\n"
        "folders = [path.parent.relative_to(root.parent) for path in root.rglob('__init__.py')]\n"
        "packages = ['.'.join(folder.parts) for folder in folders]\n"
        "for name in packages:\n"
        "    importlib.import_module(name)\n"
        "print(json.dumps([str(root), len(packages), 'torch' in sys.modules]))"
    )
    where, packages, torch = json.loads(in_python(code, modules, tmp_path))
    assert Path(where) == (modules / "HCCAssistLib").resolve()
    assert packages >= 15
    assert not torch


def test_resources_lie_where_the_modules_look_for_them(package):
    _, modules, _ = package
    named = []
    for path in modules.glob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        looked_for = [call.args[0] for call in calls if ast.unparse(call.func).endswith("resourcePath")]
        named += [(path.stem, file.value) for file in looked_for if isinstance(file, ast.Constant)]
        named.append((path.stem, f"Icons/{path.stem}.png"))  # Slicer looks for it by itself
    assert len(named) >= 4
    assert [(module, file) for module, file in named if not (modules / "Resources" / file).is_file()] == []


OPEN = """
import io, json, sys, unittest
from pathlib import Path
for name in ("torch", "safetensors", "sklearn", "matplotlib", "pandas"):
    sys.modules[name] = None
from slicer_desk import faults
from slicer_desk.desktop import start
import HCCAssistLib, slicer
desk = start()
sys.excepthook = sys.__excepthook__
for path in sorted(Path(sys.argv[1]).glob("*.py")):
    desk.open(path)
    module = slicer.app.moduleManager().module(path.stem)
    tests = unittest.TestLoader().loadTestsFromName(f"{path.stem}.{path.stem}Test")
    result = unittest.TextTestRunner(stream=io.StringIO()).run(tests)
    failed = [text for _, text in result.failures + result.errors]
    print(json.dumps([path.stem, module.title, module.icon.isNull(), HCCAssistLib.__file__, result.testsRun, failed]))
desk.close_module()
print(json.dumps(faults.take()))
"""


def test_packaged_modules_open_and_pass_their_own_tests_before_anything_is_installed(package, tmp_path):
    pytest.importorskip("PySide6.QtWidgets", reason="SKIPPED: the desk needs Qt")
    if problem := rendering_available():
        pytest.skip(f"SKIPPED: {problem}")
    source, modules, _ = package
    said = in_python(OPEN, modules, tmp_path, ROOT / "Testing" / "desk")
    *opened, faults_there = [json.loads(line) for line in said.splitlines() if line.startswith("[")]
    assert faults_there == []
    assert [name for name, *_ in opened] == [folder.name for folder in module_folders(source)]
    for name, title, icon_is_missing, library, tests, failed in opened:
        assert title.startswith("HCC"), name
        assert not icon_is_missing, name
        assert Path(library).parent == (modules / "HCCAssistLib").resolve()
        assert tests >= 1, name
        assert failed == [], name


def test_the_tests_of_the_modules_are_registered_with_ctest(package):
    source, _, build = package
    registered = " ".join(path.read_text(encoding="utf-8") for path in build.rglob("CTestTestfile.cmake"))
    for folder in module_folders(source):
        assert f"slicer.testing.runUnitTest(['{build}/HCCAssist/{folder.name}'" in registered.replace("\\\\", "")
        assert f"qSlicer{folder.name}ModuleGenericTest" in registered


def test_the_package_describes_the_extension(package):
    _, modules, build = package
    (described,) = modules.parents[2].glob("share/Slicer-*/HCCAssist.s4ext")
    lines = described.read_text(encoding="utf-8").splitlines()
    entries = {key: value.strip() for key, _, value in (line.partition(" ") for line in lines)}
    own = settings(ROOT / "CMakeLists.txt")
    for key in ("homepage", "contributors", "category", "iconurl", "screenshoturls", "description", "depends"):
        assert entries[key] == own[f"EXTENSION_{key.upper()}"][0], key
    packing = (build / "CPackConfig.cmake").read_text(encoding="utf-8")
    assert f'set(CPACK_RESOURCE_FILE_LICENSE "{build.parent}/source/LICENSE.txt")' in packing
    assert f'set(CPACK_PACKAGE_DESCRIPTION_FILE "{build.parent}/source/README.md")' in packing


def test_the_page_for_the_reviewer_says_what_the_repository_holds():
    page = (ROOT / "docs" / "extensions-index.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert shown == (ROOT / "HCCAssist.json").read_text(encoding="utf-8")
    for name in re.findall(r"^([A-Za-z0-9-]+)>=", "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "HCCAssist" / "HCCStudy" / "Resources").glob("*.txt")
    ), re.MULTILINE):  # fmt: skip
        assert name in page, name
    used = set()
    for path in (ROOT / "HCCAssistLib").rglob("*.py"):
        used |= set(re.findall(r'data_folder\("(\w+)"\)', path.read_text(encoding="utf-8")))
    assert len(used) >= 6 and all(f"HCCASSIST_{name.upper()}" in page for name in used), used
    named = set(re.findall(r"HCCASSIST_(\w+)`", page))
    assert named == {name.upper() for name in used}
