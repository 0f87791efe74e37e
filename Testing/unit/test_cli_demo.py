"""The main job, small: everything the demo promises is there and can be read back."""

import json
from pathlib import Path

import pytest

from HCCAssistLib.cli.main import main
from HCCAssistLib.results.files import read_result
from HCCAssistLib.scene.rendering import rendering_available, scene_available


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_leaves_a_result_a_report_pictures_and_a_scene(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), "--cases", "14", "--epochs", "1"]) == 0
    said = capsys.readouterr().out
    assert "says nothing about patients" in said
    assert "planted lesions found" in said
    result = read_result(out / "result")
    assert result.heatmap is not None
    report = json.loads((out / "result" / "report.json").read_text())
    titles = json.dumps(report)
    for words in (
        "Patch level",
        "Lesion level",
        "Patient level",
        "Beside a threshold on HU",
        "Pointing game",
        "Unseen case",
    ):
        assert words in titles
    assert "synthetic" in (out / "result" / "report.html").read_text()
    assert '"synthetic": true' in (out / "result" / "view.html").read_text()
    if scene_available() is None:
        assert (out / "result" / "case.mrb").stat().st_size > 1e5
    if rendering_available() is None:
        assert (out / "result" / "three-d.png").exists()
        assert list((out / "result").glob("candidate-*.png")) or (out / "result" / "slice.png").exists()
    weights = (out / "model" / "model.json").read_bytes()
    assert main(["demo", "--out", str(out), "--cases", "14", "--epochs", "1"]) == 0
    assert (out / "model" / "model.json").read_bytes() == weights
