"""The first minutes with the extension: a sample case and nothing installed, and yet something is detected."""

from __future__ import annotations

import pytest
from ltp_reading import MODULE, boxes_in, detect, unfold
from studying import MODULE as STUDY
from studying import rest

from HCCAssistLib.models.package import file_sha256
from HCCAssistLib.models.store import SHIPPED, ModelStore

NAME = "ltp-demonstration-synthetic"


@pytest.fixture
def nothing_installed(desk, tmp_path, monkeypatch):
    """Whoever sits at the desk has installed no model and made no sample case."""
    monkeypatch.setenv("HCCASSIST_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HCCASSIST_SAMPLES", str(tmp_path / "samples"))
    return tmp_path


@pytest.mark.slow
def test_the_sample_case_is_searched_with_nothing_to_train(desk, small_view, nothing_installed):
    import slicer

    came = {path: file_sha256(path) for path in SHIPPED.rglob("*") if path.is_file()}
    study = desk.open(STUDY)
    rest(desk, study, 60)
    assert "demonstration models" in study.ui.modelLabel.text
    desk.click(study.ui.sampleButton)
    rest(desk, study, 60)

    ui = desk.open(MODULE).ui
    assert ui.modelBox.currentText == NAME
    assert ui.modelSummary.text.startswith("Demonstration model, synthetic: it comes with HCCAssist")
    assert "takes its place" in ui.modelSummary.text
    assert "synthetic cases only" in ui.readinessLabel.text
    detect(desk, ui, seconds=120)
    assert boxes_in(slicer.mrmlScene)
    assert "trained on synthetic cases only" in ui.warningsLabel.text

    assert {path: file_sha256(path) for path in SHIPPED.rglob("*") if path.is_file()} == came
    assert not (nothing_installed / "models").exists()


def test_a_model_of_the_readers_own_takes_its_place(desk, small_view, nothing_installed, store):
    ui = desk.open(MODULE).ui
    unfold(ui)
    assert [ui.modelBox.itemText(n) for n in range(ui.modelBox.count)] == [NAME]
    ModelStore(nothing_installed / "models").install(store / "blobs")
    desk.panel.exit()
    desk.panel.enter()
    assert [ui.modelBox.itemText(n) for n in range(ui.modelBox.count)] == ["blobs"]
    assert "Demonstration" not in ui.modelSummary.text
