"""What a reader measures is kept in a node of the scene; what is no measurement is refused in a sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cases import line

from HCCAssistLib.errors import InputError
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")

from HCCAssistLib.scene.follow_up import KEPT, POST, PRE, FollowUp


def typed(pre: str, post: str) -> FollowUp:
    found = FollowUp()
    found.lesions[0].typed = {PRE: pre, POST: post}
    return found


def test_it_comes_back_as_it_was_kept(scene: Any) -> None:
    node = scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "parameters")
    kept = typed("", "31,5")
    kept.lesions[0].name, kept.lesions[0].lines[PRE] = "segment 8", line(scene, (0, 0, 0), (40, 0, 0))
    kept.lesions[1].typed, kept.lesions[1].gone = {PRE: "20"}, True
    kept.new_lesion, kept.days = False, 42
    kept.keep_in(node)
    again = FollowUp.of(node)
    assert again.reading("R1") == kept.reading("R1")
    reading = again.reading("R1")
    assert reading is not None and reading.response.sum_post == 31.5 and reading.interval_days == 42
    assert [target.name for target in reading.targets] == ["segment 8", "target 2"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"lesions": 3}', '{"lesions": [{}]}', '{"days": "many"}', "null"])
def test_what_is_damaged_is_an_empty_one(scene: Any, text: str) -> None:
    node = scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "parameters")
    node.SetParameter(KEPT, text)
    assert FollowUp.of(node).reading("R1") is None


def test_more_lesions_than_there_can_be_are_left_out(scene: Any) -> None:
    node = scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "parameters")
    lesion = {"name": "a", "typed": {PRE: "10"}, "gone": True}
    node.SetParameter(KEPT, json.dumps({"lesions": [lesion, {**lesion, "name": "b"}, {**lesion, "name": "c"}]}))
    assert [one.name for one in FollowUp.of(node).lesions] == ["a", "b"]


@pytest.mark.parametrize(
    ("pre", "post", "words"),
    [
        ("40", "", "not measured at follow-up"),
        ("", "20", "not measured before treatment"),
        ("0", "20", "0 mm is no diameter"),
        ("40", "0", "that nothing viable is left"),
        ("-3", "20", "none of a tumour"),
        ("4000", "20", "none of a tumour"),
        ("inf", "20", "not a number"),
        ("40 mm", "20", "not a number"),
    ],
)
def test_what_is_no_diameter_is_refused_with_the_lesion(pre: str, post: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        typed(pre, post).reading("R1")
