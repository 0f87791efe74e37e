"""Models installed, read, verified, removed."""

from __future__ import annotations

import os
import shutil
import zipfile

import pytest
from studying import MODULE, STALL_S, busy, cells, gone, heartbeat, processes_of, rest, tampered, zipped

pytestmark = pytest.mark.usefixtures("small_view")


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
