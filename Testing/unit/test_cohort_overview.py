"""A cohort at a glance: what is there and missing, labels and splits, without opening an image, in a moment."""

from __future__ import annotations

import time

import pytest

from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.cohort.overview import marked_codes, overview
from HCCAssistLib.cohort.points import LabelledBox, Point, PointList, write_points, write_rois
from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.recipes.registry import all_columns, cohort_spec, get_recipe

SUFFIX = {"volume": ".nrrd", "points": ".mrk.json", "segment": ".seg.nrrd", "roi": ".mrk.json"}


def made(folder, recipe, rows):
    """A cohort whose files hold nothing that anybody could read."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [",".join(columns), *(",".join(str(row.get(column, "")) for column in columns) for row in rows)]
    for row in rows:
        for need in recipe.inputs:
            path = folder / "cases" / row["case_id"] / need.time_point / f"{need.name}{SUFFIX[need.kind]}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"never opened")
    (folder / "cohort.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def looked(folder, recipe, **more):
    return overview(read_cohort(folder, tolerant=True, known=all_columns()), cohort_spec(recipe), **more)


def row(number, **values):
    return {"case_id": f"case-{number:03d}", "patient_id": f"patient-{number // 2:03d}", **values}


@pytest.mark.parametrize("recipe_id", ["tace-response", "ablation-recurrence"])
def test_500_cases_take_less_than_a_second_of_processor_time(tmp_path, recipe_id):
    recipe = get_recipe(recipe_id)
    values = {"response": "PR", "follow_up_months": 30, "event": 0, **{one.column: "" for one in recipe.variables}}
    rows = [row(n, split="train", **{c: values.get(c, "") for c in recipe.columns}) for n in range(500)]
    made(tmp_path, recipe, rows)
    begun = time.process_time()
    found = looked(tmp_path, recipe)
    assert time.process_time() - begun < 1.0
    assert (len(found.cases), found.patients) == (500, 250)
    assert all(one.there and not one.missing for one in found.cases)


def test_labels_splits_and_what_is_missing(tmp_path):
    recipe = get_recipe("tace-response")
    responses = ("CR", "PR", "PR", "", "maybe", "PD")
    rows = [row(n, split=("train", "test", "")[n // 2], response=text) for n, text in enumerate(responses)]
    made(tmp_path, recipe, rows)
    (tmp_path / "cases" / "case-000" / "pre" / "tumour.seg.nrrd").unlink()
    volume = tmp_path / "cases" / "case-001" / "pre" / "arterial.nrrd"
    volume.unlink()
    volume.with_suffix("").mkdir()  # a folder of DICOM slices is as good
    (tmp_path / "cases" / "case-002" / "pre").rename(tmp_path / "cases" / "case-002" / "Pre")
    (tmp_path / "readings" / "R2" / "case-002").mkdir(parents=True)
    found = looked(tmp_path, recipe)
    cases = {one.case.case_id: one for one in found.cases}
    assert cases["case-000"].missing == ("pre/tumour",)
    assert cases["case-001"].missing == cases["case-002"].missing == ()
    assert cases["case-002"].readers == ("R2",)
    assert [one.level for one in found.cases] == ["STOP", "", "", "STOP", "STOP", ""]
    assert [one.labels for one in found.cases] == [("CR",), ("PR",), ("PR",), (), ("maybe",), ("PD",)]
    assert found.splits == {"train": 2, "test": 2, "": 2}
    assert (found.balance["CR"], found.balance["PR"], found.balance["SD"], found.balance["PD"]) == (1, 2, 0, 1)


def test_early_and_late_events_are_counted_by_patient(tmp_path):
    recipe = get_recipe("hepatectomy-recurrence")
    outcomes = ((10, 1), (12, 1), (40, 0), (5, 0))
    rows = [row(n, follow_up_months=months, event=event) for n, (months, event) in enumerate(outcomes)]
    found = looked(made(tmp_path, recipe, rows), recipe)
    assert found.balance == {"early": 1, "not early": 1, "lost early": 1}
    assert found.patients == 2


def test_the_categories_of_masses_are_read_from_points_boxes_and_headers_of_segments(tmp_path):
    import numpy as np

    from HCCAssistLib.cohort.segments import Segment, write_segments
    from HCCAssistLib.imaging.geometry import Geometry
    from HCCAssistLib.imaging.image import Image

    recipe = get_recipe("liver-mass")
    made(tmp_path, recipe, [row(n) for n in range(3)])
    folders = [tmp_path / "cases" / f"case-{n:03d}" / "baseline" for n in range(3)]
    for folder in folders:
        for name in ("masses.mrk.json", "masses.seg.nrrd"):
            (folder / name).unlink(missing_ok=True)
    points = (Point("F-1", (0.0, 0.0, 0.0), "C-hyper"), Point("F-2", (9.0, 0.0, 0.0), "A, 12 mm"))
    write_points(PointList("masses", points), folders[0] / "masses.mrk.json")
    write_rois([LabelledBox("B 1", Box((0.0, 0.0, 0.0), (9.0, 9.0, 9.0)))], folders[1] / "masses.mrk.json")
    mask = Image(np.ones((3, 4, 5), np.uint8), Geometry.from_parts((3, 4, 5), (1.0, 1.0, 1.0)), "m")
    write_segments([Segment("masses 1", mask, {"category": "E"})], folders[2] / "masses.seg.nrrd")
    cohort, spec = read_cohort(tmp_path), cohort_spec(recipe)
    codes = {case.case_id: marked_codes(case, spec) for case in cohort.cases}
    assert codes == {"case-000": ("C", "A"), "case-001": ("B",), "case-002": ("E",)}
    found = overview(cohort, spec, codes)
    assert found.balance == {"A": 1, "B": 1, "C": 1, "D": 0, "E": 1}
    assert any("category D" in problem.what for problem in found.problems)
