"""HCC Study used as a radiologist does on the first day, on the desk."""

from __future__ import annotations

import os
import platform
import shutil
import time
import zipfile

import numpy as np
import psutil
import pytest
import vtk
from studying import (
    MODULE,
    busy,
    cells,
    heartbeat,
    model_package,
    pip_failed,
    rest,
    row_of,
    tampered,
    volume,
    zipped,
)

pytestmark = pytest.mark.usefixtures("small_view")

STALL_S = 0.4
"""A coarse bound for a machine that others use; the goal is 0.1 s."""


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    return model_package(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The sample case, made once."""
    from HCCAssistLib.phantoms.ltp.sample import make_sample

    folder = tmp_path_factory.mktemp("samples")
    make_sample(folder)
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """No test sees what the person who runs it has installed; a PyTorch that starts at once saves a minute."""
    monkeypatch.setenv("HCCASSIST_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HCCASSIST_SAMPLES", str(tmp_path / "samples"))
    (tmp_path / "quick").mkdir()
    (tmp_path / "quick" / "torch.py").write_text(
        "import types\n__version__ = '2.13.0'\nversion = types.SimpleNamespace(cuda=None)\n"
        "cuda = types.SimpleNamespace(is_available=lambda: False)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "quick"))
    return tmp_path


@pytest.fixture
def panel(desk):
    """The open panel, at rest."""
    widget = desk.open(MODULE)
    rest(desk, widget)
    yield widget


def processes_of(widget):
    return widget.logic.tasks.pids


def gone(desk, pid, seconds=10):
    desk.wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, seconds)


# ------------------------------------------------------------------------------------------------------- set-up


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


# ------------------------------------------------------------------------------------------------------- models


def install(desk, widget, path):
    button = widget.ui.installFolderButton if path.is_dir() else widget.ui.installArchiveButton
    with desk.choosing(path):
        desk.click(button)
    assert not widget.ui.installArchiveButton.enabled
    rest(desk, widget)


def test_a_model_is_installed_read_verified_and_removed(desk, panel, package, home):
    ui = panel.ui
    assert "No model is installed" in ui.modelLabel.text
    install(desk, panel, zipped(package, home / "blobs.zip"))
    assert ui.modelLabel.text == "blobs is installed."
    assert [row[:3] + row[4:] for row in cells(ui.modelTable)] == [["blobs", "ltp", "58 synthetic cases", "verified"]]
    size = sum(path.stat().st_size for path in (home / "models" / "blobs").iterdir())
    assert f"{size / 1e6:.0f} MB in {home / 'models'}" in ui.storeLabel.text

    assert not ui.storeCard.visible
    desk.click(ui.storeCardButton)
    card = ui.storeCard.toPlainText()
    for word in (
        "Research use only",
        "not validated for patients",
        "verified",
        "AUC: 0.910 (95 % CI 0.860 to 0.950, DeLong; 240 patches)",
        "Youden index on 240 patches of the validation set",
        "0.437",
        "Lim S",
        "train 48",
        "torch 2.13.0",
    ):
        assert word in card, word
    desk.click(ui.storeCardButton)
    assert not ui.storeCard.visible

    weights = home / "models" / "blobs" / "weights-0.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    desk.click(ui.verifyButton)
    rest(desk, panel)
    assert cells(ui.modelTable)[0][4] == "damaged"
    assert ui.modelLabel.text.startswith("blobs: weights-0.safetensors is not the file")
    assert "sha256 differs" in ui.modelLabel.text
    install(desk, panel, package)  # healed from its source, a folder this time
    assert cells(ui.modelTable)[0][4] == "verified"

    with desk.answering("Cancel") as asked:
        desk.click(ui.removeButton)
    assert "Remove the model blobs? This frees" in asked[0]
    assert f"{size / 1e6:.0f} MB" in asked[0]
    rest(desk, panel)
    assert weights.is_file()
    with desk.answering("OK"):
        desk.click(ui.removeButton)
    rest(desk, panel)
    assert ui.modelLabel.text == "blobs was removed."
    assert not weights.parent.exists()
    assert not ui.removeButton.enabled
    assert not ui.modelTable.visible


def test_a_cancelled_file_dialog_installs_nothing(desk, panel):
    with desk.choosing(""):
        desk.click(panel.ui.installArchiveButton)
    with desk.choosing(""):
        desk.click(panel.ui.installFolderButton)
    assert not busy(panel)
    assert "No model is installed" in panel.ui.modelLabel.text


def test_a_tampered_model_and_an_archive_that_leaves_its_folder_are_refused(desk, panel, package, home):
    install(desk, panel, zipped(tampered(package, home), home / "tampered.zip"))
    assert "sha256 differs" in panel.ui.modelLabel.text
    escaping = home / "deep" / "escaping.zip"
    escaping.parent.mkdir()
    shutil.copy(zipped(package, home / "good.zip"), escaping)
    with zipfile.ZipFile(escaping, "a") as file:
        file.writestr("../../outside.txt", "x")
    install(desk, panel, escaping)
    assert "would write outside its folder" in panel.ui.modelLabel.text
    assert "do not use it" in panel.ui.modelLabel.text.lower()
    assert not list(home.rglob("outside.txt"))
    assert cells(panel.ui.modelTable) == []
    assert panel.ui.installArchiveButton.enabled


def test_a_model_that_changed_while_the_panel_was_closed_is_found_when_it_opens(desk, package, home):
    shutil.copytree(package, home / "models" / "blobs")
    (home / "models" / "odd").mkdir()
    weights = home / "models" / "blobs" / "weights-0.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    widget = desk.open(MODULE)
    assert [row[4] for row in cells(widget.ui.modelTable)] == ["checking ...", "damaged"]
    rest(desk, widget)
    assert [row[4] for row in cells(widget.ui.modelTable)] == ["damaged", "damaged"]
    assert "cut short" in widget.ui.modelLabel.text
    assert "odd: there is no model.json" in widget.ui.modelLabel.text
    widget.ui.modelTable.selectRow(1)
    desk.click(widget.ui.storeCardButton)
    assert "there is no model.json" in widget.ui.storeCard.toPlainText()


def test_installing_is_cancelled_without_leaving_anything(desk, panel, package, home):
    with desk.choosing(package):
        desk.click(panel.ui.installFolderButton)
    (pid,) = processes_of(panel)
    desk.click(panel.ui.modelCancelButton)
    rest(desk, panel)
    assert panel.ui.modelLabel.text.startswith("Cancelled.")
    gone(desk, pid)
    assert not list((home / "models").glob("*")) or cells(panel.ui.modelTable)
    assert panel.ui.installFolderButton.enabled


def test_a_big_model_is_verified_without_a_stall(desk, package, home):
    """200 MB of weights: a second and more to read."""
    from HCCAssistLib.files import write_json
    from HCCAssistLib.models.model_card import sealed
    from HCCAssistLib.models.package import file_sha256, read_card

    folder = home / "models" / "blobs"
    shutil.copytree(package, folder)
    (folder / "weights-1.safetensors").write_bytes(os.urandom(200 * 2**20))
    card = read_card(folder).as_json()
    card["files"]["weights-1.safetensors"] = file_sha256(folder / "weights-1.safetensors")
    write_json(folder / "model.json", sealed(card))
    widget = desk.open(MODULE)
    rest(desk, widget)
    with heartbeat(desk) as gaps:
        desk.click(widget.ui.verifyButton)
        assert widget.ui.modelProgress.visible
        rest(desk, widget)
    assert cells(widget.ui.modelTable)[0][4] == "verified"
    assert max(gaps) < STALL_S


# -------------------------------------------------------------------------------------------------------- roles


def test_roles_are_guessed_confirmed_saved_and_restored(desk, panel, home):
    import slicer

    from HCCAssistLib.scene.mrb import save_mrb
    from HCCAssistLib.scene.roles import role_of, volume_with_role

    ui = panel.ui
    assert "No scan is loaded" in ui.roleLabel.text
    assert not ui.roleTable.visible
    nodes = [volume("5: ABD ART 3.0"), volume("6: ABD PV 70s"), volume("CT liver"), volume("Topogram 0.6")]
    rest(desk, panel)
    shown = {row.node.GetName(): (row.role, row.label.text) for row in panel.roles.rows}
    assert shown["5: ABD ART 3.0"][0] == "post/arterial"
    assert shown["5: ABD ART 3.0"][1].startswith("<b>Guess</b>: name: 'art'")
    assert shown["6: ABD PV 70s"][0] == "post/portal"
    assert shown["CT liver"][0] is shown["Topogram 0.6"][0] is None
    assert "<b>Not known</b>" in shown["CT liver"][1]
    assert "<b>Not suitable</b>" in shown["Topogram 0.6"][1]
    assert [role_of(node) for node in nodes] == [None] * 4  # a guess is no role
    assert "look at the images first" in ui.roleLabel.text
    assert "needs arterial phase, follow-up CT: no scan yet" in ui.needLabel.text

    desk.click(row_of(panel, "5: ABD ART 3.0").button)
    assert role_of(nodes[0]) == "post/arterial"
    row = row_of(panel, "5: ABD ART 3.0")
    assert (row.button.text, row.button.enabled) == ("Confirmed", False)
    assert "needs arterial phase, follow-up CT: 5: ABD ART 3.0" in ui.needLabel.text
    row = row_of(panel, "CT liver")
    desk.choose(row.combo, "Portal venous phase, CT at diagnosis")
    assert role_of(nodes[2]) is None  # chosen, not confirmed
    desk.click(row.button)
    assert role_of(nodes[2]) == "baseline/portal"
    for name in ("6: ABD PV 70s", "Topogram 0.6"):
        desk.choose(row_of(panel, name).combo, "not used")
        desk.click(row_of(panel, name).button)
    assert "Every scan has its phase" in ui.roleLabel.text

    save_mrb(slicer.mrmlScene, home / "case.mrb")
    slicer.mrmlScene.Clear(False)
    desk.process_events()
    assert panel.roles.rows == []
    slicer.app._host.load(home / "case.mrb")
    rest(desk, panel)
    assert {row.node.GetName(): row.role for row in panel.roles.rows} == {
        "5: ABD ART 3.0": "post/arterial",
        "6: ABD PV 70s": None,
        "CT liver": "baseline/portal",
        "Topogram 0.6": None,
    }
    assert all(row.button.text == "Confirmed" for row in panel.roles.rows)
    assert volume_with_role(slicer.mrmlScene, "post/arterial").GetName() == "5: ABD ART 3.0"


def test_odd_names_are_shown_as_they_are(desk, panel):
    volume("<b>arterial</b> & portal venous")
    rest(desk, panel)
    (row,) = panel.roles.rows
    assert panel.ui.roleTable.item(0, 0).text() == "<b>arterial</b> & portal venous"
    assert row.label.text.startswith("<b>Contradiction</b>: name: ")
    assert row.label.text.count("<b>") == 1


def test_a_second_volume_takes_the_role_and_the_first_is_named(desk, panel):
    from HCCAssistLib.scene.roles import role_of

    first, second = volume("3: arterial"), volume("4: arterial repeated")
    rest(desk, panel)
    desk.click(row_of(panel, "3: arterial").button)
    desk.click(row_of(panel, "4: arterial repeated").button)
    assert (role_of(first), role_of(second)) == (None, "post/arterial")
    rest(desk, panel)
    assert "3: arterial was this before: Arterial phase, follow-up CT." in panel.ui.roleLabel.text
    assert row_of(panel, "3: arterial").combo.currentText == "not used"


def test_two_volumes_that_claim_one_role_are_settled_by_a_person(desk, panel, home):
    import slicer

    from HCCAssistLib.scene.mrb import save_mrb
    from HCCAssistLib.scene.roles import role_of, set_role, volume_with_role

    set_role(volume("3: arterial"), "post/arterial")
    save_mrb(slicer.mrmlScene, home / "case.mrb")
    slicer.app._host.load(home / "case.mrb")  # added to itself
    rest(desk, panel)
    assert [row.label.text[:15] for row in panel.roles.rows] == ["<b>Disputed</b>"] * 2
    assert volume_with_role(slicer.mrmlScene, "post/arterial") is None
    assert "needs arterial phase, follow-up CT: no scan yet" in panel.ui.needLabel.text
    second = panel.roles.rows[1]
    desk.click(second.button)
    assert [role_of(row.node) for row in panel.roles.rows] == [None, "post/arterial"]


def test_volumes_that_come_go_or_are_renamed_are_shown_at_once(desk, panel):
    import slicer

    node = volume("CT")
    other = volume("delayed 5 min")
    rest(desk, panel)
    assert [row.node for row in panel.roles.rows] == [node, other]
    node.SetName("portal venous")
    desk.process_events()
    row = row_of(panel, "portal venous")
    assert row.role == "post/portal"
    assert panel.ui.roleTable.item(0, 0).text() == "portal venous"
    slicer.mrmlScene.RemoveNode(other)
    desk.process_events()
    assert [row.node for row in panel.roles.rows] == [node]
    desk.panel.exit()
    volume("while the panel is closed")
    desk.process_events()
    assert len(panel.roles.rows) == 1
    desk.panel.enter()
    rest(desk, panel)
    assert len(panel.roles.rows) == 2


def test_voxels_are_looked_at_in_the_background_and_contradict_a_wrong_name(desk, panel, made, home):
    import slicer

    from HCCAssistLib.phantoms.ltp.sample import read_sample
    from HCCAssistLib.scene.roles import role_of
    from HCCAssistLib.scene.volumes import volume_from_image

    image = read_sample(made).volumes["post/arterial"]
    unnamed = volume_from_image(image, slicer.mrmlScene, "CT")
    wrong = volume_from_image(image, slicer.mrmlScene, "portal venous")
    panel.onVolumes()
    with heartbeat(desk) as gaps:
        rest(desk, panel, 60)
    assert max(gaps) < STALL_S
    row = row_of(panel, "CT")
    assert row.role == "post/arterial"
    assert "the aorta is far brighter than the liver" in row.label.text
    assert role_of(unnamed) is None
    row = row_of(panel, "portal venous")
    assert row.combo.currentText == "not used"
    assert row.label.text.startswith("<b>Contradiction</b>")
    assert role_of(wrong) is None
    assert panel.logic.tasks.folders == []  # no copy of the voxels is left


def test_nothing_looks_at_voxels_where_that_is_not_wanted(desk, panel):
    panel.ui.voxelCheck.checked = False
    desk.process_events()
    volume("CT", (40, 60, 60))
    desk.process_events()
    desk.wait_until(lambda: not panel._soon.active)
    assert not busy(panel)
    assert "voxels" not in row_of(panel, "CT").label.text
    panel.ui.voxelCheck.checked = True
    desk.process_events()
    assert busy(panel)
    rest(desk, panel)
    assert "voxels: unknown" in row_of(panel, "CT").label.text


def test_the_header_of_a_dicom_series_counts_more_than_the_name(desk, panel, home, monkeypatch):
    import slicer
    from dicom_samples import ct_series

    header = ct_series(1)[0]
    header.SeriesDescription, header.ContrastBolusAgentPhase = "ABD 3.0", "PORTAL_VENOUS"
    header.save_as(home / "slice.dcm")
    files = {header.SOPInstanceUID: str(home / "slice.dcm")}
    database = type("Database", (), {"fileForInstance": staticmethod(lambda uid: files.get(uid, ""))})()
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    node = volume("4: arterial", value=30)
    node.SetAttribute("DICOM.instanceUIDs", f"{header.SOPInstanceUID} 1.2.3")
    rest(desk, panel)
    row = row_of(panel, "4: arterial")
    assert row.role == "post/portal"
    assert "coded contrast phase: PORTAL_VENOUS" in row.label.text


def test_a_volume_that_goes_while_it_is_looked_at_does_no_harm(desk, panel):
    import slicer

    node = volume("CT", (120, 512, 512))
    desk.process_events()
    desk.wait_until(lambda: panel.logic.tasks.folders)
    slicer.mrmlScene.RemoveNode(node)
    rest(desk, panel)
    assert panel.roles.rows == []
    desk.wait_until(lambda: panel.logic.tasks.folders == [])


# ------------------------------------------------------------------------------------------------------- sample


def test_the_sample_case_is_made_and_loaded_without_a_stall(desk, panel, home):
    import slicer

    from HCCAssistLib.scene.roles import volume_with_role

    ui = panel.ui
    assert not ui.sampleRemoveButton.enabled
    began = time.monotonic()
    with heartbeat(desk) as gaps:
        desk.click(ui.sampleButton)
        assert not ui.sampleButton.enabled
        assert ui.sampleProgress.visible
        rest(desk, panel, 60)
    assert time.monotonic() - began < 30
    assert max(gaps) < STALL_S
    assert "It is synthetic and says nothing about patients." in ui.sampleLabel.text
    node = volume_with_role(slicer.mrmlScene, "post/arterial")
    assert node.GetName() == "LTP phantom (synthetic)"
    (segments,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    names = [segments.GetSegmentation().GetNthSegment(n).GetName() for n in range(2)]
    assert names == ["liver", "ablation"]
    red = desk.layout_manager.sliceWidget("Red")
    assert red.mrmlSliceCompositeNode().GetBackgroundVolumeID() == node.GetID()
    ids = segments.GetSegmentation().GetSegmentIdBySegmentName("ablation")
    zone = slicer.util.arrayFromSegmentBinaryLabelmap(segments, ids, node)
    ras_to_ijk = vtk.vtkMatrix4x4()
    node.GetRASToIJKMatrix(ras_to_ijk)
    k = round(ras_to_ijk.MultiplyPoint((0, 0, red.sliceLogic().GetSliceOffset(), 1))[2])
    assert zone[k].any()  # an ablation zone is on the slice that is shown

    slicer.mrmlScene.Clear(False)
    began = time.monotonic()
    desk.click(ui.sampleButton)
    rest(desk, panel)
    assert time.monotonic() - began < 10
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 1
    assert "31 MB" in ui.sampleRemoveButton.text
    assert f"Kept in {home / 'samples'}" in ui.sampleLabel.text
    desk.click(ui.sampleRemoveButton)
    rest(desk, panel)
    assert "The kept files were removed." in ui.sampleLabel.text
    assert list((home / "samples").iterdir()) == []
    assert not ui.sampleRemoveButton.enabled
    assert volume_with_role(slicer.mrmlScene, "post/arterial") is not None  # what is loaded stays


def test_the_sample_case_of_masses_comes_with_its_phases_and_its_points(desk, panel):
    import slicer

    from HCCAssistLib.scene.roles import role_volumes

    ui = panel.ui
    titles = [ui.sampleBox.itemText(n) for n in range(ui.sampleBox.count)]
    ui.sampleBox.setCurrentIndex(next(n for n, title in enumerate(titles) if "mass" in title.lower()))
    desk.click(ui.sampleButton)
    rest(desk, panel, 60)
    assert len(list(role_volumes(slicer.mrmlScene))) == 3
    (points,) = slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
    assert points.GetNumberOfControlPoints() == 5
    assert points.GetNthControlPointDescription(0).endswith(" mm")
    red = desk.layout_manager.sliceWidget("Red")
    assert red.sliceLogic().GetSliceOffset() == pytest.approx(points.GetNthControlPointPositionWorld(0)[2], abs=3)


def until_it_is_written(desk, panel, home):
    """The sample case is being made: half of it is on the disk."""
    desk.click(panel.ui.sampleButton)
    (pid,) = processes_of(panel)
    desk.wait_until(lambda: list((home / "samples").glob("*.part")), 20)
    return pid


def test_making_the_sample_case_is_cancelled_clean(desk, panel, home):
    import slicer

    pid = until_it_is_written(desk, panel, home)
    desk.click(panel.ui.sampleCancelButton)
    began = time.monotonic()
    rest(desk, panel)
    assert time.monotonic() - began < 2
    assert "Cancelled." in panel.ui.sampleLabel.text
    assert panel.ui.sampleButton.enabled
    gone(desk, pid)
    assert list((home / "samples").iterdir()) == []
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0


def test_a_scene_closed_in_mid_run_gets_nothing_of_it(desk, panel, home):
    import slicer

    pid = until_it_is_written(desk, panel, home)
    slicer.mrmlScene.Clear(False)
    rest(desk, panel)
    gone(desk, pid)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0
    assert list((home / "samples").iterdir()) == []
    desk.click(panel.ui.sampleButton)
    rest(desk, panel, 60)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 1


def test_closing_the_panel_ends_its_processes_and_leaves_nothing(desk, panel, home):
    pid = until_it_is_written(desk, panel, home)
    (folder,) = panel.logic.tasks.folders
    desk.close_module()
    gone(desk, pid)
    assert list((home / "samples").iterdir()) == []
    assert not folder.exists()


def test_the_sample_case_never_takes_the_role_of_a_patient(desk, panel, made, monkeypatch):
    from HCCAssistLib.scene.roles import role_of, set_role

    panel.sample._folder = made
    patient = volume("5: arterial")
    set_role(patient, "post/arterial")
    desk.click(panel.ui.sampleButton)
    rest(desk, panel, 60)
    assert role_of(patient) == "post/arterial"
    assert row_of(panel, "LTP phantom (synthetic)").button.text == "Confirm"


def test_a_sample_case_that_goes_before_it_is_loaded_is_told(desk, panel, made, monkeypatch):
    import slicer

    panel.sample._folder = made
    monkeypatch.setattr("HCCAssistLib.phantoms.ltp.sample.read_sample", lambda folder: None)
    desk.click(panel.ui.sampleButton)
    rest(desk, panel, 60)
    assert "was removed or damaged in the meantime" in panel.ui.sampleLabel.text
    assert "is loaded" not in panel.ui.sampleLabel.text
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0
    assert panel.ui.sampleButton.enabled


def test_sample_data_offers_the_case_and_opens_the_panel_with_it(desk, made, monkeypatch):
    import slicer
    from slicer_desk.machine import sample_data_folder

    monkeypatch.setenv("HCCASSIST_SAMPLES", str(made))
    monkeypatch.syspath_prepend(str(sample_data_folder()))
    slicer.modules.sampleDataSources = {}
    slicer.modules.sampleDataSourceCategories = {}
    desk.load(MODULE)
    assert slicer.modules.sampleDataSources == {}
    slicer.app.startupCompleted.emit()
    sources = slicer.modules.sampleDataSources["HCCAssist"]
    source = next(one for one in reversed(sources) if "LTP" in one.sampleName)  # earlier tests loaded the module too
    assert slicer.modules.sampleDataSourceCategories["HCCAssist"]["title"] == "HCCAssist"
    assert "synthetic" in source.sampleName
    source.customDownloader(source)
    assert desk.panel.moduleName == "HCCStudy"
    widget = desk.panel.self()
    rest(desk, widget, 60)
    assert "synthetic" in slicer.util.getNode("LTP phantom (synthetic)").GetName()


# ---------------------------------------------------------------------------------------------------- the panel


def test_opening_and_reading_are_quick(desk, package, home):
    """Also with models and many volumes; what is measured is the panel's own work."""
    for number in range(5):
        volume(f"{number}: arterial")
    shutil.copytree(package, home / "models" / "blobs")
    widget = desk.open(MODULE)
    rest(desk, widget, 60)
    for part in (widget.packages, widget.models, widget.roles, widget.sample, widget.goOn):
        began = time.perf_counter()
        part.refresh()
        assert time.perf_counter() - began < STALL_S, type(part).__name__
    assert np.all([row.label.height > 0 for row in widget.roles.rows])


def test_a_closed_scene_and_a_left_panel_do_no_harm(desk, panel):
    import slicer

    volume("arterial")
    desk.process_events()
    slicer.mrmlScene.Clear(False)
    rest(desk, panel)
    assert panel.roles.rows == []
    desk.panel.exit()
    slicer.mrmlScene.Clear(False)
    volume("arterial")
    desk.process_events()
    desk.panel.enter()
    rest(desk, panel)
    assert len(panel.roles.rows) == 1
