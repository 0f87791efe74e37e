"""Classifications and risks in the scene: frames and heat in their places, in several volumes, and a table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import blob_center, expected_corners, image, labelled, nodes, table_rows, world_corners

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.results.classification import ClassificationResult, Finding
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.results.review import Review, Verdict
from HCCAssistLib.results.risk import ClinicalValue, RiskResult
from HCCAssistLib.results.run_record import RunRecord
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")
from sessions import LTP, session_of

from HCCAssistLib.scene.colors import VERDICTS
from HCCAssistLib.scene.drawing import draw, refresh, remove, restore
from HCCAssistLib.scene.heatmap import show_layer
from HCCAssistLib.scene.inputs import image_from_volume
from HCCAssistLib.scene.mrb import save_mrb
from HCCAssistLib.scene.run_inputs import ChosenInputs
from HCCAssistLib.scene.volumes import volume_from_image

PHASES = {"baseline/arterial": "oblique left-handed", "baseline/delayed": "flipped"}
SIDES = {"pre/arterial": "oblique", "post/arterial": "straight"}


def run(recipe: str, volumes: dict[str, Image]) -> RunRecord:
    inputs = {place: volume.digest() for place, volume in volumes.items()}
    return RunRecord(recipe, {}, "demo", ("0" * 64,), {}, "cpu", inputs, 1.5)


def heat_in(volume: Image) -> Image:
    """Heat of 1 in the blob, cropped to an asymmetric part of the volume."""
    grid = volume.geometry.crop((20, 3, 8), (10, 24, 26))
    k, j, i = np.indices(grid.shape)
    away = np.linalg.norm(grid.to_world(np.stack([i, j, k], axis=-1)) - blob_center(volume.geometry), axis=-1)
    return Image(np.exp(-((away / 12.0) ** 2)).astype(np.float32), grid)


def classification(volumes: dict[str, Image]) -> ClassificationResult:
    main = next(iter(volumes.values()))
    grid = main.geometry
    axes = tuple(tuple(axis) for axis in grid.directions.T)
    places = (blob_center(grid), grid.to_world((12.0, 31.0, 6.0)))
    findings = tuple(
        Finding(
            number=number,
            label=f"F-{number}",
            center=tuple(place),
            probabilities=probabilities,
            box=Box(tuple(place), (30.0, 24.0, 4.0), axes),
            slice=3,
        )
        for number, (place, probabilities) in enumerate(
            zip(places, ({"A": 0.7, "B": 0.2, "C": 0.1}, {"A": 0.1, "B": 0.15, "C": 0.75}), strict=True), 1
        )
    )
    return ClassificationResult(
        categories={"A": "classic HCC", "B": "other malignant", "C": "benign"},
        findings=findings,
        volumes={place: volume.geometry for place, volume in volumes.items()},
        run=run("masses", volumes),
        groups={"malignant": ("A", "B")},
        heatmaps={place: heat_in(volume) for place, volume in volumes.items()},
    )


def risk(volumes: dict[str, Image]) -> RiskResult:
    first = next(iter(volumes.values())).geometry
    axes = tuple(tuple(axis) for axis in first.directions.T)
    return RiskResult(
        probabilities={"images": 0.66, "combined": 0.41},
        decides="combined",
        cutoff=CutOff(0.4, "Youden index on the validation set"),
        run=run("recurrence", volumes),
        volumes={place: volume.geometry for place, volume in volumes.items()},
        boxes={"pre/tumour": Box(tuple(blob_center(first)), (40.0, 30.0, 20.0), axes)},
        clinical=(ClinicalValue("age", 63.0, 63.0), ClinicalValue("afp", None, 9.5), ClinicalValue("hbv", None, None)),
        heatmaps={place: heat_in(volume) for place, volume in volumes.items()},
    )


def loaded(kinds: dict[str, str], scene: Any) -> tuple[dict[str, Image], dict[str, Any]]:
    volumes = {place: image(kind) for place, kind in kinds.items()}
    return volumes, {place: volume_from_image(volume, scene, place) for place, volume in volumes.items()}


def test_each_finding_has_the_frame_that_the_networks_saw_with_its_category(scene: Any) -> None:
    volumes, scans = loaded(PHASES, scene)
    drawn = draw(classification(volumes), scans, scene)
    for finding in drawn.result.findings:
        corners = expected_corners(finding.box.corners())
        np.testing.assert_allclose(world_corners(drawn.boxes[finding.number]), corners, atol=0.002)
        assert drawn.boxes[finding.number].GetLocked()
        assert drawn.boxes[finding.number].GetDisplayVisibility()
    assert labelled(drawn)["3-D"] == {1: "1: A 0.70", 2: "2: C 0.75"}
    names = [drawn.table.GetTable().GetColumnName(n) for n in range(drawn.table.GetTable().GetNumberOfColumns())]
    assert names[:8] == [
        "number",
        "finding",
        "predicted",
        "category set",
        "A: classic HCC",
        "B: other malignant",
        "C: benign",
        "malignant",
    ]
    assert table_rows(drawn.table)[0][:8] == ["1", "F-1", "A", "no calibrated set", "0.700", "0.200", "0.100", "0.900"]


def test_heat_lies_over_the_phase_that_it_explains(scene: Any, host: Any) -> None:
    volumes, scans = loaded(PHASES, scene)
    drawn = draw(classification(volumes), scans, scene)
    views = dict(zip(PHASES, ("Red", "Green"), strict=True))
    for place, view in views.items():
        host.slice_logics[view].GetSliceCompositeNode().SetBackgroundVolumeID(scans[place].GetID())
    show_layer(drawn.volumes, drawn.heatmaps, scene, opacity=0.5)
    for place, view in views.items():
        composite = host.slice_logics[view].GetSliceCompositeNode()
        assert composite.GetForegroundVolumeID() == drawn.heatmaps[place].GetID()
        heat = image_from_volume(drawn.heatmaps[place])
        peak = np.unravel_index(int(heat.array.argmax()), heat.array.shape)
        np.testing.assert_allclose(heat.geometry.to_world(peak[::-1]), blob_center(volumes[place].geometry), atol=1e-6)
    assert host.slice_logics["Yellow"].GetSliceCompositeNode().GetForegroundVolumeID() is None
    assert (drawn.has_heat(1), drawn.has_heat(2)) == (True, False)


def test_another_category_is_a_verdict_and_colours_the_frame(scene: Any) -> None:
    volumes, scans = loaded(PHASES, scene)
    drawn = draw(classification(volumes), scans, scene)
    said = drawn.result.reviewed(2, Review(Verdict.OTHER, "R1", category="B"))
    drawn = refresh(drawn, said)
    np.testing.assert_allclose(drawn.boxes[2].GetDisplayNode().GetSelectedColor(), VERDICTS[Verdict.OTHER])
    assert table_rows(drawn.table)[1][8:] == ["other", "B", "R1", ""]
    assert json.loads(drawn.record.GetText())["findings"][1]["category"] == "B"


def test_a_session_reviews_a_classification(scene: Any) -> None:
    volumes, scans = loaded(PHASES, scene)
    inputs = tuple(replace(LTP.volumes()[0], time_point="baseline", name=place.split("/")[1]) for place in PHASES)
    session, _ = session_of(scene, replace(LTP, id="masses", task="classification", inputs=inputs))
    review = session.adopt(classification(volumes), ChosenInputs(scans, values={"age": "63"}))
    session.choose(scans["baseline/arterial"])
    assert session.current is review
    review.judge(2, Verdict.OTHER, "R1", category="B")
    assert review.findings[1].review.category == "B"
    with pytest.raises(InputError, match="none of the categories"):
        review.judge(1, Verdict.OTHER, "R1", category="Z")
    with pytest.raises(InputError, match="another category"):
        review.judge(1, Verdict.OTHER, "R1", category="A")
    with pytest.raises(InputError, match="no threshold"):
        review.set_threshold(0.3)
    assert (review.counts.other, review.counts.pending) == (1, 1)
    assert review.next_unjudged([1, 2]) == 1
    again, _ = session_of(scene, session.recipe)
    again.restore()
    assert again.reviews[0].chosen_inputs.volumes == scans
    assert again.reviews[0].chosen_inputs.values == {"age": "63"}
    scans["baseline/delayed"].SetOrigin(1, 2, 3)
    assert "moved" in review.changed, "the second volume counts as well"


def test_a_risk_lies_over_several_volumes_and_tells_group_and_values(scene: Any, host: Any) -> None:
    volumes, scans = loaded(SIDES, scene)
    drawn = draw(risk(volumes), scans, scene)
    assert set(drawn.heatmaps) == set(SIDES)
    for place, volume in volumes.items():
        heat = image_from_volume(drawn.heatmaps[place])
        peak = np.unravel_index(int(heat.array.argmax()), heat.array.shape)
        np.testing.assert_allclose(heat.geometry.to_world(peak[::-1]), blob_center(volume.geometry), atol=1e-6)
    corners = expected_corners(drawn.result.boxes["pre/tumour"].corners())
    np.testing.assert_allclose(world_corners(drawn.boxes[1]), corners, atol=0.002)
    rule = "high where combined \N{GREATER-THAN OR EQUAL TO} 0.4 (Youden index on the validation set)"
    assert table_rows(drawn.table) == [
        ["images", "0.660", ""],
        ["combined", "0.410", "decides the group"],
        ["group", "high risk", rule],
        ["age", "63", ""],
        ["afp", "9.5", "not known: a value in its stead"],
        ["hbv", "", "not known"],
    ]
    bare = replace(drawn.result, cutoff=None, clinical=())
    assert [row[0] for row in table_rows(refresh(drawn, bare).table)] == ["images", "combined"]


@pytest.mark.parametrize("make", [classification, risk])
def test_results_of_every_kind_come_back_from_a_saved_scene_side_by_side(
    make: Any, scene: Any, host: Any, tmp_path: Path
) -> None:
    kinds = PHASES if make is classification else SIDES
    volumes, scans = loaded(kinds, scene)
    drawn = draw(make(volumes), scans, scene)
    save_mrb(scene, tmp_path / "case.mrb")
    host.clear()
    host.load(tmp_path / "case.mrb")
    found = restore(scene)
    assert found.problems == ()
    (again,) = found.drawings
    assert again.result.as_json() == drawn.result.as_json()
    assert set(again.heatmaps) == set(kinds)
    assert list(again.volumes) == list(kinds), "the main volume comes first"
    assert [again.has_heat(n) for n in again.boxes] == [drawn.has_heat(n) for n in drawn.boxes]
    remove(again)
    assert restore(scene).drawings == ()


@pytest.mark.parametrize("make", [classification, risk])
def test_removing_leaves_nothing_of_any_kind(make: Any, scene: Any) -> None:
    volumes, scans = loaded(PHASES if make is classification else SIDES, scene)
    before = nodes(scene)
    remove(draw(make(volumes), scans, scene))
    assert nodes(scene) == before


def test_a_volume_that_is_missing_is_refused_before_anything_is_drawn(scene: Any) -> None:
    volumes, scans = loaded(SIDES, scene)
    before = nodes(scene)
    with pytest.raises(InputError, match="no longer in the scene"):
        draw(risk(volumes), {"pre/arterial": scans["pre/arterial"]}, scene)
    swapped = dict(zip(SIDES, reversed(scans.values()), strict=True))
    with pytest.raises(InputError, match="another volume"):
        draw(risk(volumes), swapped, scene)
    assert nodes(scene) == before
