"""Tests of the tests: mistakes planted into the shared parts of the panels make a reader's work with one fail."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from ltp_reading import MODULE, ROOT, work_through
from planting import noticed, some_of

pytestmark = pytest.mark.slow

PANELS = ROOT / "HCCAssistLib" / "panels"

MISTAKES = {
    "signal misspelt": ("findings_table.py", '"cellChanged(int,int)"', '"cellChange(int,int)"'),
    "signal with other arguments": ("findings_table.py", '"cellClicked(int,int)"', '"cellClicked(int)"'),
    "signal of another class": ("inputs.py", '"currentSegmentChanged(QString)"', '"currentSegmentIDChanged(QString)"'),
    "timer misspelt": ("inference.py", '"timeout()"', '"timedOut()"'),
    "property misspelt": ("run_bar.py", "ui.runButton.enabled", "ui.runButton.enable"),
    "property of another type": ("run_bar.py", "round(100 * share)", "str(share)"),
    "widget misspelt": ("verdict_bar.py", "ui.undoButton.enabled", "ui.undoBtn.enabled"),
    "exception in a slot": ("review_panel.py", "Verdict(verdict)", "Verdict(verdict.upper())"),
    "verdicts swapped": ("verdict_bar.py", 'on_verdict("accepted", "")', 'on_verdict("rejected", "")'),
    "other tumour taken for a rejection": ("verdict_bar.py", 'on_verdict("other", "")', 'on_verdict("rejected", "")'),
    "reader not handed on": ("review_panel.py", "self._verdicts.reader, category", '"somebody", category'),
    "no advance after a verdict": ("review_panel.py", "review.choose(following)", "pass"),
    "undo of a hidden choice": ("review_panel.py", "review.choose(review.undo())", "review.undo()"),
    "row taken for the number": ("findings_table.py", "return self._findings[row].number", "return row + 2"),
    "sorting by text": ("findings_table.py", "key=key, reverse", "key=lambda f: str(-f.number), reverse"),
    "keys deaf": ("verdict_bar.py", "chord.setEnabled(on)", "pass"),
    "keys heard after the panel is left": ("verdict_bar.py", "chord.setEnabled(on)", "chord.setEnabled(True)"),
    "clicks in the views not heard": ("view_picker.py", "        self._watch_views()\n", ""),
    "drag taken for a click": ("view_picker.py", "CLICK_PIXELS = 3", "CLICK_PIXELS = 3000"),
    "threshold without effect": ("review_panel.py", "lambda: review.set_threshold(value)", "lambda: None"),
    "result of another scan kept": ("inference.py", "self._session.choose(scan)", "pass"),
    "review lost without a question": ("inference.py", "if lost and not", "if False and not"),
    "options not handed over": ("inference.py", "self._options.values(),\n", "{},\n"),
    "points of the zone forgotten": (
        "inputs.py",
        '(boxes if spec.kind == "roi" else points)[place] = widget.currentNode()',
        "pass",
    ),
    "segment not chosen by its name": ("inputs.py", "if found is not None:", "if False:"),
    "parameter forgotten in the .ui": ("view_bar.ui", "<string>showBoxes</string>", "<string></string>"),
    "class misspelt in the .ui": ("missed.ui", "qMRMLNodeComboBox", "qMRMLNodesComboBox"),
    "heat shown unasked": ("inference.py", "heat=heat, opacity", "heat=True, opacity"),
    "worker not closed": ("inference.py", "self._session.close()", "pass"),
    "scene closed without notice": ("inference_module.py", "            panel.forget()\n", ""),
    "panel left without notice": ("inference_module.py", "        self.panel.leave()\n", ""),
    "panel not closed": ("inference_module.py", "            panel.close()\n", ""),
    "boxes not hidden": ("inference_module.py", "boxes=p.showBoxes", "boxes=True"),
}
"""File among the shared parts, what stands there, what is planted in its place."""


class Planted:
    """A mistake in a part while it is entered: in its source as it is loaded, never on disk where others read it."""

    def __init__(self, mistake, folder: Path, monkeypatch) -> None:
        file, right, wrong = mistake
        text = (PANELS / file).read_text(encoding="utf-8")
        assert right in text, "the part changed: adapt this mistake"
        import HCCAssistLib.panels as package

        for path in PANELS.glob("*.ui"):
            (folder / path.name).write_bytes(path.read_bytes())
        for path in PANELS.glob("*.py"):
            (folder / path.name).write_bytes(path.read_bytes())
        (folder / file).write_text(text.replace(right, wrong), encoding="utf-8")
        monkeypatch.setattr(package, "__path__", [str(folder)])
        forget(package)


def forget(package) -> None:
    """Let the parts be loaded anew."""
    for name in [name for name in sys.modules if name.startswith(f"{package.__name__}.")]:
        del sys.modules[name]
        delattr(package, name.rsplit(".", 1)[1])
    importlib.invalidate_caches()


@pytest.fixture
def shared(monkeypatch):
    """The shared parts as they are on disk again afterwards."""
    import HCCAssistLib.panels as package

    yield monkeypatch
    monkeypatch.undo()
    forget(package)


def test_the_panel_without_a_mistake_passes(desk, small_view, at_once):
    work_through(desk, lambda: at_once(desk))


@pytest.mark.filterwarnings("ignore:does not have observer")
@pytest.mark.parametrize("mistake", some_of(MISTAKES))
def test_a_planted_mistake_is_caught(desk, small_view, at_once, tmp_path, shared, mistake):
    Planted(MISTAKES[mistake], tmp_path, shared)
    assert noticed(desk, lambda: work_through(desk, lambda: at_once(desk))), f"nobody noticed: {mistake}"
    assert MODULE.is_file()
