"""Phases of the loaded scans: guessed, confirmed, kept."""

from __future__ import annotations

import pytest
from studying import STALL_S, busy, heartbeat, rest, row_of, volume

pytestmark = pytest.mark.usefixtures("small_view")


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
    others = ui.needLabel.text.splitlines()[-1]
    assert others.startswith("No scan yet for: ") and "Category of a liver mass" in others
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
    assert "3: arterial was this before: Arterial phase, follow-up CT or MR." in panel.ui.roleLabel.text
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


def test_a_role_is_of_the_modality_of_its_scan_or_of_what_the_methods_ask_for(desk, panel):
    names = ("T1 VIBE portal", "7: portal venous")
    for name in names:
        volume(name)
    rest(desk, panel)
    for name in names:
        combo = row_of(panel, name).combo
        texts = [combo.itemText(number) for number in range(combo.count)]
        assert "Unenhanced phase, MR before treatment" in texts
        assert "Unenhanced phase, CT before treatment" not in texts
    shown = panel.ui.needLabel.text
    assert "needs unenhanced phase, MR before treatment: no scan yet" in shown
    assert "need arterial phase, CT before treatment" in shown and "needs arterial phase, MR before treatment" in shown
    assert row_of(panel, "T1 VIBE portal").combo.findText("Arterial phase, follow-up MR") >= 0
    assert row_of(panel, "7: portal venous").combo.findText("Arterial phase, follow-up CT or MR") >= 0
