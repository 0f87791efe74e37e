"""The example that analyses published tables runs, and the figures of the papers come out."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.heavy

pytest.importorskip("matplotlib", reason="SKIPPED: matplotlib is not installed")
pytest.importorskip("statsmodels", reason="SKIPPED: statsmodels is not installed")

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("published_tables", ROOT / "examples" / "published_tables.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.shared
def test_published_figures_come_out_of_the_published_tables(example: ModuleType, tmp_path: Path) -> None:
    for name in (example.RESECTION, example.UCI, example.DCURVES, example.ROSSI):
        if not (DATA / name).is_file():
            pytest.skip(f"SKIPPED: ../shared/data/{name} not found")
    assert example.main(["--data", str(DATA), "--out", str(tmp_path)]) == 0
    data = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    rows = next(b["rows"] for b in data["blocks"] if b.get("title") == "Figures that others printed")
    assert len(rows) == 17
    differ = [(figure, published, computed) for _, figure, published, computed in rows if published != computed]
    assert differ == [("Recurrence-free survival, CXCL17 in the tumour, log-rank P", ".003", ".004")]
    figures = {block["name"].rsplit("-", 1)[-1] for block in data["blocks"] if block["kind"] == "figure"}
    assert figures == {"flow", "meier", "roc", "recall", "confusion", "calibration", "decision", "importance"}
    assert "SKIPPED" not in json.dumps(data)


def test_tables_that_are_not_there_are_skipped_loudly(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert example.main(["--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().err.count("SKIPPED: ") == 4
    assert "is not analysed" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
