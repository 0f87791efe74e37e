"""Setting up a computer: packages, PyTorch, what is missing."""

from __future__ import annotations

import os
import platform

import pytest
from studying import MODULE, busy, cells, pip_failed, rest

pytestmark = pytest.mark.usefixtures("small_view")


@pytest.fixture
def at(desk):
    """Sit down at a computer and open the panel there."""
    from contextlib import ExitStack

    from slicer_desk.machine import Machine, sitting_at

    with ExitStack() as stack:

        def sit(*missing, has_extension=True, **how):
            machine = stack.enter_context(sitting_at(Machine(*missing, **how), has_extension=has_extension))
            return machine, desk.open(MODULE)

        yield sit
        desk.close_module()


def test_a_fresh_computer_is_set_up_after_asking(desk, at, home):
    machine, widget = at("torch", "torchvision", "scikit-learn", "safetensors")
    ui = widget.ui
    assert not ui.setUpSection.collapsed
    assert [row[2] for row in cells(ui.packageTable)][:3] == ["missing"] * 3
    assert "Press Set up to install PyTorch, scikit-learn, safetensors. It asks before" in ui.setUpLabel.text
    assert not ui.extensionsButton.visible
    assert not busy(widget)  # PyTorch is not there, so nothing tries to start it
    assert machine.calls == []
    with desk.answering("OK", "OK") as asked:
        desk.click(ui.setUpButton)
    ours, theirs = asked
    for word in (
        "PyTorch 2.4 or newer",
        "200 MB",
        "GB",
        "scikit-learn 1.4 or newer",
        "public servers",
        "Nothing about you",
    ):
        assert word in ours
    assert "light-the-torch" in theirs
    assert "torch>=2.4" in theirs
    assert "Everything is here" in ui.setUpLabel.text
    assert not ui.setUpPage.visible
    assert not ui.setUpButton.enabled
    by_pip = [arg for module, args in machine.calls if module == "pip" for arg in args]
    assert any(arg.startswith("scikit-learn>=1.4") for arg in by_pip)
    assert not any(arg.startswith("torch") for arg in by_pip)
    assert [args[1] for module, args in machine.calls if module == "light_the_torch"] == ["torch>=2.4"]
    rest(desk, widget)
    assert ", on " in cells(ui.packageTable)[0][2]


@pytest.mark.parametrize("answers", [("Cancel",), ("OK", "Cancel")])
def test_nothing_is_installed_without_a_yes(desk, at, answers):
    machine, widget = at("torch", "torchvision", "scikit-learn", "safetensors")
    with desk.answering(*answers):
        desk.click(widget.ui.setUpButton)
    assert machine.calls == []
    assert not widget.ui.setUpPage.visible
    assert [row[2] for row in cells(widget.ui.packageTable)][:3] == ["missing"] * 3
    assert widget.ui.setUpButton.enabled


def test_opening_the_panel_installs_and_starts_nothing_by_itself(desk, at):
    machine, widget = at("torch", "scikit-learn", "safetensors", online=False)
    for _ in range(3):
        desk.panel.exit()
        desk.panel.enter()
        desk.process_events()
    desk.click(widget.ui.checkButton)
    assert machine.calls == []


def test_without_internet_a_page_says_what_to_do_and_the_next_try_works(desk, at, home):
    machine, widget = at("torch", "torchvision", "scikit-learn", "safetensors", online=False)
    ui = widget.ui
    with desk.answering("OK", "OK", *pip_failed()):
        desk.click(ui.setUpButton)
    assert ui.setUpPage.visible
    text = ui.setUpPage.toPlainText()
    for word in (
        "The set-up did not finish",
        "PyTorch: pip could not install it (exit status 1)",
        "scikit-learn: pip could not install it (exit status 1)",
        "What works without it",
        "torch>=2.4",
        "scikit-learn>=1.4",
        "safetensors>=0.4",
        f"Python {platform.python_version()}",
        "PythonSlicer -m pip download --dest wheels",
        "--no-index --find-links wheels",
    ):
        assert word in text
    assert "Traceback" not in text
    assert ui.setUpButton.enabled
    machine.online = True
    with desk.answering("OK", "OK"):
        desk.click(ui.setUpButton)
    assert not ui.setUpPage.visible
    assert "Everything is here" in ui.setUpLabel.text


def test_without_the_pytorch_extension_the_panel_tells_where_to_get_it(desk, at, home):
    import slicer

    machine, widget = at("torch", "torchvision", "scikit-learn", "safetensors", has_extension=False)
    ui = widget.ui
    assert "open the Extensions Manager, search for PyTorch" in ui.setUpLabel.text
    assert ui.extensionsButton.visible
    before = slicer.app._extensions_manager_opened
    desk.click(ui.extensionsButton)
    assert slicer.app._extensions_manager_opened == before + 1
    with desk.answering("OK") as asked:  # the rest can be installed all the same
        desk.click(ui.setUpButton)
    assert "PyTorch" not in asked[0]
    assert [row[2] == "missing" for row in cells(ui.packageTable)][:3] == [True, False, False]
    assert not ui.setUpButton.enabled
    assert not any("torch" in arg for _, args in machine.calls for arg in args)


def test_pip_that_only_says_it_worked_is_not_believed(desk, at):
    machine, widget = at("scikit-learn", "safetensors")
    machine.broken = {"scikit-learn"}
    with desk.answering("OK"):
        desk.click(widget.ui.setUpButton)
    assert "scikit-learn: no error was reported, but it is not there" in widget.ui.setUpPage.toPlainText()
    assert "safetensors: " not in widget.ui.setUpPage.toPlainText()


def test_a_pytorch_that_does_not_start_is_said_and_not_installed_over(desk, home, monkeypatch):
    (home / "torch.py").write_text("raise ImportError('libcudart.so.12: cannot open shared object file')\n")
    monkeypatch.setenv("PYTHONPATH", str(home))
    widget = desk.open(MODULE)
    rest(desk, widget)
    assert not widget.ui.setUpSection.collapsed
    assert cells(widget.ui.packageTable)[0][2].endswith("does not start")
    assert "libcudart" in widget.ui.setUpLabel.text
    assert "Uninstall it in the module PyTorch Utils" in widget.ui.setUpLabel.text
    assert not widget.ui.setUpButton.enabled


def test_the_versions_asked_for_are_those_of_the_library():
    import tomllib

    from studying import ROOT

    from HCCAssistLib.installation import TORCH

    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert TORCH in needed


@pytest.mark.skipif("PYTORCH_EXTENSION_SOURCE_DIR" not in os.environ, reason="SKIPPED: needs the extension's source")
def test_the_stand_in_of_the_pytorch_extension_offers_what_the_real_one_does():
    import ast
    from pathlib import Path

    from slicer_desk import machine

    def methods(path):
        (logic,) = [n for n in ast.parse(path.read_text()).body if getattr(n, "name", "") == "PyTorchUtilsLogic"]
        return {n.name: [a.arg for a in n.args.args] for n in logic.body if isinstance(n, ast.FunctionDef)}

    real = methods(Path(os.environ["PYTORCH_EXTENSION_SOURCE_DIR"]) / "PyTorchUtils" / "PyTorchUtils.py")
    ours = methods(machine.HERE / "extensions" / "PyTorchUtils.py")
    assert {name: real.get(name) for name in ours} == ours
