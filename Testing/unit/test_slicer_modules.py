"""Rules of the Extensions Index for module files, read from their source: nothing happens when one is imported."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

MODULES = sorted((Path(__file__).parents[2] / "HCCAssist").glob("*/*.py"))
SHIPPED = {*sys.stdlib_module_names, "slicer", "vtk", "SimpleITK", "numpy", "scipy", "qt", "ctk"}
"""What a module may import at file scope."""
QUIET = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_nothing_foreign_at_file_scope(path):
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        assert all(name.split(".")[0] in SHIPPED for name in names), ast.unparse(node)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_importing_a_module_does_nothing(path):
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, QUIET):
            continue
        assert isinstance(node, (ast.Assign, ast.AnnAssign, ast.Expr)), ast.unparse(node)
        if isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant), ast.unparse(node)
        calls = [c for c in ast.walk(node) if isinstance(c, ast.Call)]
        assert all(ast.unparse(call).startswith("COLUMNS.index(") for call in calls), ast.unparse(node)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_has_its_classes_its_panel_and_unix_line_ends(path):
    name = path.parent.name
    assert path.name == f"{name}.py"
    classes = {node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)}
    assert {name, f"{name}ParameterNode", f"{name}Widget", f"{name}Logic"} <= classes
    panel = path.parent / "Resources" / "UI" / f"{name}.ui"
    assert panel.is_file()
    for file in (path, panel):
        assert b"\r" not in file.read_bytes()
        assert b"/" + b"home/" not in file.read_bytes()
