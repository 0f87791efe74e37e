"""A result is written into a folder, whole, and over another one only after a yes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from HCCAssistLib.errors import InputError
from HCCAssistLib.results.files import read_result
from HCCAssistLib.results.review import Verdict
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")

from export_bench import Bench


def test_a_result_folder_is_overwritten_only_after_a_yes(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "result"
    bench.export.export_result(bench.review, folder)
    assert bench.export.writing
    outcome = bench.wait()
    assert (outcome.kind, bench.export.writing) == ("done", False)
    assert sorted(path.name for path in folder.iterdir()) == ["candidates.csv", "heatmap.nrrd", "result.json"]
    kept = (folder / "result.json").read_text()
    assert read_result(folder).as_json() == bench.review.result.as_json()
    bench.review.judge(1, Verdict.REJECTED, "R2")
    bench.export.export_result(bench.review, folder)
    assert bench.wait().question == "overwrite"
    assert (folder / "result.json").read_text() == kept
    bench.export.export_result(bench.review, folder, confirmed={"overwrite"})
    assert bench.wait().kind == "done"
    assert json.loads((folder / "result.json").read_text())["candidates"][0]["reader"] == "R2"


def test_a_full_disk_is_told_in_a_sentence(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("HCCAssistLib.scene.case_export.write_result", full)
    bench.export.export_result(bench.review, tmp_path / "result")
    outcome = bench.wait()
    assert (outcome.kind, outcome.text) == ("failed", "The files could not be written: No space left on device.")


def test_one_export_at_a_time(bench: Bench, tmp_path: Path) -> None:
    bench.export.export_result(bench.review, tmp_path / "one")
    with pytest.raises(InputError, match="goes on already"):
        bench.export.export_result(bench.review, tmp_path / "two")
    assert bench.wait().kind == "done"
    assert not (tmp_path / "two").exists()
