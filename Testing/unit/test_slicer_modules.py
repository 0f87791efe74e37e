"""Rules of the Extensions Index for module files, read from their source: nothing happens when one is imported."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "HCCAssist").rglob("*.py"))
"""Every Python file of every module, found and not listed."""
MODULES = sorted(folder / f"{folder.name}.py" for folder in (ROOT / "HCCAssist").iterdir() if any(folder.rglob("*.py")))
SHIPPED = {*sys.stdlib_module_names, "slicer", "vtk", "qt", "ctk", "HCCAssistLib"}
"""What a module may import at file scope, as long as neither numpy nor torch comes with it: Slicer waits for each."""
DECORATORS = {"parameterNodeWrapper", "parameterPack", "dataclass", "property", "setter", "staticmethod", "classmethod"}
CONSTRAINTS = {"Annotated", "Choice", "Default", "Exclude", "Maximum", "Minimum", "WithinRange"}
"""Of Slicer's parameter node wrapper: how a parameter says what it may be."""
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def name_of(call: ast.expr) -> str:
    """The last name of what is called: ``run`` of ``subprocess.run``."""
    return ast.unparse(call).split(".")[-1]


def at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a file is imported: those outside of functions, in classes too."""
    for node in body:
        yield node
        if isinstance(node, ast.ClassDef):
            yield from at_import(node.body)


def evaluated(node: ast.stmt) -> Iterator[ast.expr]:
    """The expressions that a statement evaluates at import; those of a function's body wait until it is called."""
    if isinstance(node, DEFINITIONS):
        yield from node.decorator_list
        if isinstance(node, ast.ClassDef):
            yield from [*node.bases, *(keyword.value for keyword in node.keywords)]
        else:
            yield from [*node.args.defaults, *(default for default in node.args.kw_defaults if default is not None)]
    else:
        yield from (child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))


def foreign_imports(source: str) -> list[str]:
    """Imports at file or class scope of what Slicer does not ship, and imports of everything from somewhere."""
    found = []
    for node in at_import(ast.parse(source).body):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "."] if node.level == 0 else ["."]
            if any(alias.name == "*" for alias in node.names):
                names = ["*"]
        if any(name.split(".")[0] not in SHIPPED for name in names):
            found.append(ast.unparse(node))
    return found


def work(source: str) -> list[str]:
    """What a file does when it is imported, beyond defining: statements, calls, decorators that nobody allowed."""
    found = []
    tree = ast.parse(source)
    constants = {ast.unparse(t) for node in tree.body if isinstance(node, ast.Assign) for t in node.targets}
    for node in at_import(tree.body):
        allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Pass, *DEFINITIONS)
        text_only = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (isinstance(node, allowed) or text_only):
            found.append(ast.unparse(node))
            continue
        for expression in evaluated(node):
            if (
                isinstance(node, DEFINITIONS)
                and expression in node.decorator_list
                and not DECORATORS & {name_of(expression.func if isinstance(expression, ast.Call) else expression)}
            ):
                found.append(ast.unparse(expression))
            heavy = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Await, ast.NamedExpr)
            for part in ast.walk(expression):
                if isinstance(part, heavy):
                    found.append(ast.unparse(part))
                if isinstance(part, ast.Call) and name_of(part.func) not in DECORATORS | CONSTRAINTS:
                    owner = ast.unparse(part.func).rpartition(".")[0]
                    if not (owner in constants and name_of(part.func) == "index"):
                        found.append(ast.unparse(part))
    return found


def installs(source: str) -> list[str]:
    """Ways round Slicer's own: pip called, torch left to what installs, shell commands."""
    found = []
    tree = ast.parse(source)
    values = {ast.unparse(t): n.value for n in tree.body if isinstance(n, ast.Assign) for t in n.targets}
    for node in ast.walk(tree):
        if isinstance(node, (ast.List, ast.Tuple)):
            words = [part.value for part in node.elts if isinstance(part, ast.Constant)]
            if "pip" in words and "install" in words:
                found.append(ast.unparse(node))
        if not isinstance(node, ast.Call):
            continue
        called, keywords = ast.unparse(node.func), {keyword.arg: keyword.value for keyword in node.keywords}
        if name_of(node.func) in ("pip_install", "pip_uninstall") or called in ("os.system", "os.popen"):
            found.append(called)
        if "shell" in keywords:
            found.append(ast.unparse(node))
        if name_of(node.func) == "pip_ensure":
            skipped = keywords.get("skip_packages", ast.Constant(None))
            named = [skipped, *(values[part.id] for part in ast.walk(skipped) if getattr(part, "id", None) in values)]
            if not any("'torch'" in ast.unparse(value) for value in named):
                found.append(f"{called} does not skip torch")
    return found


def test_every_module_is_read():
    assert {"HCCLTPDetection", "HCCStudy", "HCCTraining"} <= {path.stem for path in MODULES}
    assert set(MODULES) <= set(SCRIPTS)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_module_imports_nothing_foreign_at_file_scope(path):
    assert foreign_imports(path.read_text(encoding="utf-8")) == []


STAND_INS = """
import importlib.abc, importlib.machinery, sys, types

class Thing:
    def __init__(self, *_args, **_named): pass
    def __call__(self, first=None, *_args): return first
    def __class_getitem__(cls, _item): return cls

class StandIn(types.ModuleType):
    __path__ = []
    def __getattr__(self, name):
        if name.startswith("__"): raise AttributeError(name)
        made = (lambda cls: cls) if name.startswith("parameter") else type(name, (Thing,), {})
        setattr(self, name, made)
        return made

class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("slicer", "vtk", "qt", "ctk"):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
    def create_module(self, spec): return StandIn(spec.name)
    def exec_module(self, module): pass

sys.meta_path.insert(0, Finder())
spec = importlib.util.spec_from_file_location("module", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["module"] = module
spec.loader.exec_module(module)
print(sorted({"numpy", "torch", "scipy", "SimpleITK", "sklearn", "pydicom", "matplotlib"} & set(sys.modules)))
"""
"""Imports a module file where Slicer is not; what it draws in of the heavy libraries."""


def drawn_in(path: Path) -> str:
    command = [sys.executable, "-c", f"import importlib.util\n{STAND_INS}", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_importing_a_module_loads_neither_numpy_nor_torch_nor_their_like(path):
    assert drawn_in(path) == "[]"


def test_a_library_import_that_draws_numpy_in_is_noticed(tmp_path):
    path = tmp_path / "Heavy.py"
    path.write_text("from HCCAssistLib.imaging.windows import Window\n")
    assert "numpy" in drawn_in(path)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_file_is_short_and_its_help_links_the_documentation(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    assert "github.com/HCCAssist/SlicerHCCAssist" in text


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_importing_a_module_does_nothing(path):
    assert work(path.read_text(encoding="utf-8")) == []


def test_nothing_installs_packages_but_slicer_after_asking():
    sources = [*SCRIPTS, *(ROOT / "HCCAssistLib").rglob("*.py")]
    assert {path.name: found for path in sources if (found := installs(path.read_text(encoding="utf-8")))} == {}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_has_its_classes_its_panel_and_unix_line_ends(path):
    name = path.stem
    classes = {node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)}
    assert {name, f"{name}Widget", f"{name}Logic", f"{name}Test"} <= classes
    panel = path.parent / "Resources" / "UI" / f"{name}.ui"
    icon = path.parent / "Resources" / "Icons" / f"{name}.png"
    assert icon.is_file()
    for file in (path, panel, path.parent / "CMakeLists.txt"):
        assert b"\r" not in file.read_bytes()
        assert b"/" + b"home/" not in file.read_bytes()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_says_what_it_is_for_whom_to_thank_and_that_it_is_for_research(path):
    said = {
        ast.unparse(node.targets[0]).split(".")[-1]: " ".join(
            str(part.value) for part in ast.walk(node.value) if isinstance(part, ast.Constant)
        )
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("self.parent.")
    }
    assert {"title", "categories", "contributors", "helpText", "acknowledgementText"} <= set(said)
    assert len(said["helpText"]) > 60
    assert "research use only" in said["helpText"].lower()
    assert len(said["acknowledgementText"]) > 20
    assert said["contributors"] == "The HCCAssist contributors"


def test_every_recipe_names_a_module_that_there_is_by_its_title():
    from HCCAssistLib.recipes.registry import RECIPES

    texts = {path: path.read_text(encoding="utf-8") for path in MODULES}
    titles = {re.search(r'parent\.title = _\("(.+)"\)', text)[1]: text for text in texts.values()}
    for recipe in RECIPES.values():
        assert f'RECIPE = "{recipe.id}"' in titles[recipe.panel], f"{recipe.panel} does not offer {recipe.id}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_logic_knows_no_widget(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    (logic,) = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == f"{path.stem}Logic"]
    names = {node.id for node in ast.walk(logic) if isinstance(node, ast.Name)}
    assert not names & {"qt", "ctk"}
    assert not re.search(r"\bself\.ui\b", ast.unparse(logic))


FOREIGN = ("import torch", "import numpy", "import SimpleITK", "from . import helper", "from qt import *",
           "class A:\n    import torch", "import numpy, pandas")  # fmt: skip
WORK = (
    "print('hello')",
    "if True:\n    x = 1",
    "try:\n    import torch\nexcept ImportError:\n    pass",
    "for x in (1, 2):\n    y = x",
    "FOLDER = make_folder()",
    "class A:\n    found = search()",
    "class A:\n    search()",
    "class A(make_base()):\n    pass",
    "def f(a=search()):\n    pass",
    "def f(*, a=search()):\n    pass",
    "@register\ndef f():\n    pass",
    "@dataclass(frozen=search())\nclass A:\n    pass",
    "x: int = int(search())",
    "SQUARES = [n * n for n in range(10_000)]",
    "COLUMNS = ('a',)\nCOLUMNS.sort()",
    "with open('x') as f:\n    pass",
    "assert True",
    "del x",
)
QUIET = (
    '"""Words."""\nCOLUMNS = ("a", "b")\nA = COLUMNS.index("a")\nLIMIT: int = 3\n"""Words."""',
    "@parameterNodeWrapper\nclass P:\n    x: Annotated[float, WithinRange(0, 1)] = 0.5\n",
    "SKIPPED = ('torch',)\n\ndef f():\n    pip_ensure(listed, skip_packages=list(SKIPPED))",
    "class A(B):\n    @property\n    def f(self, a=1, *, b=None):\n        return search()\n",
)
INSTALLS = (
    "slicer.util.pip_install('torch')",
    "slicer.packaging.pip_ensure(load_requirements(path))",
    "subprocess.run([sys.executable, '-m', 'pip', 'install', 'torch'])",
    "os.system('pip install torch')",
    "subprocess.run('pip install torch', shell=True)",
    "SKIPPED = ('SimpleITK',)\npip_ensure(listed, skip_packages=list(SKIPPED))",
)


@pytest.mark.parametrize(
    ("check", "source"),
    [*((foreign_imports, s) for s in FOREIGN), *((work, s) for s in WORK), *((installs, s) for s in INSTALLS)],
)
def test_the_rules_refuse(check, source):
    assert check(source), f"nobody noticed: {source}"


@pytest.mark.parametrize("source", QUIET)
def test_the_rules_allow_what_slicer_asks_for(source):
    assert [*work(source), *foreign_imports(source), *installs(source)] == []
