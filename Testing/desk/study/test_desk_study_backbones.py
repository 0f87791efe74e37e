"""Backbones installed from a file or folder, listed with their digests, removed."""

from __future__ import annotations

import hashlib

import pytest
from studying import MODULE, cells, rest

pytestmark = pytest.mark.usefixtures("small_view")


@pytest.fixture
def backbones(home, monkeypatch):
    monkeypatch.setenv("HCCASSIST_BACKBONES", str(home / "backbones"))
    monkeypatch.delenv("PYTHONPATH")  # the real PyTorch: weights are read with it
    return home / "backbones"


@pytest.fixture
def open_panel(desk, backbones):
    widget = desk.open(MODULE)
    rest(desk, widget)
    widget.ui.backboneSection.collapsed = False
    rest(desk, widget)
    return widget


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A ResNet-50 with random weights, as torchvision saves one."""
    import torch

    from HCCAssistLib.models.backbones.resnet50 import ResNet50
    from HCCAssistLib.models.backbones.variant import TORCHVISION

    path = tmp_path_factory.mktemp("weights") / "resnet50.pth"
    torch.manual_seed(1)
    torch.save(ResNet50(TORCHVISION).state_dict(), path)
    return path


def choose(desk, widget, path):
    with desk.choosing(path):
        desk.click(widget.ui.backboneFolderButton if path.is_dir() else widget.ui.backboneFileButton)
    assert not widget.ui.backboneFileButton.enabled
    rest(desk, widget)


def test_a_backbone_is_installed_listed_and_removed(desk, open_panel, backbones, weights):
    ui = open_panel.ui
    assert "No backbone is installed" in ui.backboneLabel.text
    assert not ui.backboneRemoveButton.enabled
    choose(desk, open_panel, weights)
    assert ui.backboneLabel.text == "The backbone is installed."
    (installed,) = backbones.iterdir()
    (row,) = cells(ui.backboneTable)
    assert row[0] == installed.stem
    assert row[3] == hashlib.sha256(installed.read_bytes()).hexdigest()[:8]
    ui.backboneTable.selectRow(0)
    with desk.answering("Cancel") as asked:
        desk.click(ui.backboneRemoveButton)
    assert "cannot be used until it is installed again" in str(asked)
    assert installed.exists()
    with desk.answering("OK"):
        desk.click(ui.backboneRemoveButton)
    rest(desk, open_panel)
    assert ui.backboneLabel.text == "The backbone was removed."
    assert not list(backbones.iterdir()) and not cells(ui.backboneTable)


@pytest.mark.slow
def test_what_is_no_backbone_is_refused_with_the_reason_and_a_damaged_one_is_named(desk, open_panel, backbones, home):
    ui = open_panel.ui
    (home / "empty").mkdir()
    for name, content, words in (("a.pth", b"no weights", "weights"), ("b.tgz", b"", ""), ("c.safetensors", b"{}", "")):
        (home / name).write_bytes(content)
        choose(desk, open_panel, home / name)
        assert name in ui.backboneLabel.text and words in ui.backboneLabel.text, ui.backboneLabel.text
    choose(desk, open_panel, home / "empty")
    assert "empty" in ui.backboneLabel.text
    backbones.mkdir(exist_ok=True)
    (backbones / "old.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    open_panel.backbones.look()
    rest(desk, open_panel)
    (row,) = cells(ui.backboneTable)
    assert row[:2] == ["old", "cannot be used"]
