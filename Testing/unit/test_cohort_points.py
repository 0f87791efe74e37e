"""Points and boxes from Slicer's files, with positions worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from HCCAssistLib.cohort.points import Point, PointList, read_points, read_rois, write_points
from HCCAssistLib.errors import InputError

data = Path(__file__).resolve().parents[1] / "data"
shared = Path(__file__).resolve().parents[3] / "shared"


def mrk(folder: Path, *nodes: dict, name: str = "ltp.mrk.json") -> Path:
    path = folder / name
    path.write_text(json.dumps({"@schema": "markups-schema-v1.0.3.json#", "markups": list(nodes)}), encoding="utf-8")
    return path


def fiducials(*points: dict, **properties: object) -> dict:
    return {"type": "Fiducial", "coordinateSystem": "LPS", **properties, "controlPoints": list(points)}


def test_a_json_file_of_slicer_is_read_with_repeated_labels_and_without_the_unplaced_point() -> None:
    points = read_points(data / "slicer_points.mrk.json")
    assert [p.label for p in points.points] == ["F-1", "F-1 (2)"]
    assert [p.position for p in points.points] == [(-10.5, 20.25, 30.0), (1.0, -2.0, 3.125)]  # set as RAS in Slicer
    assert points.points[1].description == 'near "the" vein, small'
    assert [p.visible for p in points.points] == [True, False]
    assert [w.level for w in points.warnings] == ["WARN"]
    assert "'F-3' was never placed" in points.warnings[0].what


def test_the_same_points_come_out_of_the_json_and_the_fcsv_file_of_slicer() -> None:
    assert read_points(data / "slicer_points.fcsv").points == read_points(data / "slicer_points.mrk.json").points


@pytest.mark.parametrize(
    ("code", "expected"),
    [("LPS", (1, 2, 3)), ("RAS", (-1, -2, 3)), ("1", (1, 2, 3)), ("0", (-1, -2, 3)), (1, (1, 2, 3)), (0, (-1, -2, 3))],
)
def test_every_spelling_of_the_coordinate_system_gives_lps(tmp_path: Path, code: object, expected: tuple) -> None:
    path = mrk(tmp_path, fiducials({"label": "a", "position": [1, 2, 3]}, coordinateSystem=code))
    assert read_points(path).points[0].position == expected


def test_a_bare_number_as_coordinate_system_is_warned_of(tmp_path: Path) -> None:
    path = mrk(tmp_path, fiducials({"label": "a", "position": [1, 2, 3]}, coordinateSystem=0))
    assert "coordinate system" in read_points(path).warnings[0].what


def test_points_of_several_nodes_with_equal_ids_and_labels_are_all_kept(tmp_path: Path) -> None:
    first = fiducials(
        {"id": "1", "label": "x", "position": [1, 0, 0]}, {"id": "1", "label": "x", "position": [2, 0, 0]}
    )
    second = fiducials(
        {"id": "1", "label": "x", "position": [3, 5, 0]}, {"position": [4, 0, 0]}, coordinateSystem="RAS"
    )
    points = read_points(mrk(tmp_path, first, {"type": "Line", "controlPoints": []}, second))
    assert [p.label for p in points.points] == ["x", "x (2)", "x (3)", "point 2"]
    assert points.positions.tolist() == [[1, 0, 0], [2, 0, 0], [-3, -5, 0], [-4, 0, 0]]
    assert [w.what for w in points.warnings] == ["markups of type Line are left out"]


def test_points_that_were_only_previewed_or_lost_are_left_out(tmp_path: Path) -> None:
    statuses = ("undefined", "preview", "missing", "defined")
    points = [{"label": s, "position": [1, 2, 3], "positionStatus": s} for s in statuses]
    read = read_points(mrk(tmp_path, fiducials(*points)))
    assert [p.label for p in read.points] == ["defined"]
    assert len(read.warnings) == 3


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"markups": [{"type": "Fid', "damaged or cut short at line 1"),
        ('{"points": []}', "not a markups file"),
        ("[1, 2]", "not a markups file"),
        ('{"markups": []}', "holds no markups"),
        ('{"markups": [{"type": "ClosedCurve", "controlPoints": []}]}', "holds ClosedCurve, not points"),
        ('{"markups": [{"type": "Fiducial", "controlPoints": []}]}', "no placed point"),
        (
            '{"markups": [{"type": "Fiducial", "controlPoints": [{"label": "F", "position": [1, NaN, 2]}]}]}',
            "'F' has no",
        ),
        ('{"markups": [{"type": "Fiducial", "controlPoints": [{"label": "F", "position": [1, 2]}]}]}', "'F' has no"),
        ('{"markups": [{"type": "Fiducial", "controlPoints": [{"label": "F", "position": ["1", 2, 3]}]}]}', "'F' has"),
        ('{"markups": [{"type": "Fiducial", "controlPoints": ["F"]}]}', "control points is damaged"),
        (
            '{"markups": [{"type": "Fiducial", "coordinateSystem": "IJK", "controlPoints": [{}]}]}',
            "neither LPS nor RAS",
        ),
        ('{"markups": [{"type": "Fiducial", "coordinateUnits": "um", "controlPoints": [{}]}]}', "in 'um', not in mm"),
        ("[" * 100_000, "damaged"),
        (b"\xff\xfe\x00\x01", "not text"),
    ],
)
def test_a_bad_json_file_is_refused_with_the_reason_and_the_file(
    tmp_path: Path, content: str | bytes, says: str
) -> None:
    path = tmp_path / "ltp.mrk.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=says) as caught:
        read_points(path)
    assert all(problem.where.startswith("ltp.mrk.json") and problem.remedy for problem in caught.value.problems)
    assert str(tmp_path) not in str(caught.value)


def test_units_given_as_a_code_are_understood(tmp_path: Path) -> None:
    units = ["mm", "UCUM", "millimeter"]
    path = mrk(tmp_path, fiducials({"label": "a", "position": [1, 2, 3]}, coordinateUnits=units))
    assert read_points(path).points[0].position == (1, 2, 3)


SLICER4 = """# Markups fiducial file version = {version}
# CoordinateSystem = {system}
# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID
vtkMRMLMarkupsFiducialNode_0,43.5,23.25,-7,0,0,0,1,1,1,0,L1-P1,,vtkMRMLScalarVolumeNode1
vtkMRMLMarkupsFiducialNode_1,49,-4,0,0,0,0,1,0,1,0,L1-P2,big,
"""


@pytest.mark.parametrize(
    ("version", "system", "sign"), [("4.4", 0, -1), ("4.10", 1, 1), ("5.0", "RAS", -1), ("5.0", "LPS", 1)]
)
def test_fcsv_files_of_slicer_4_and_5_are_read(tmp_path: Path, version: str, system: object, sign: int) -> None:
    path = tmp_path / "ltp.fcsv"
    path.write_text(SLICER4.format(version=version, system=system))
    points = read_points(path)
    assert points.positions.tolist() == [[sign * 43.5, sign * 23.25, -7], [sign * 49, sign * -4, 0]]
    assert [(p.label, p.description, p.visible) for p in points.points] == [
        ("L1-P1", "", True),
        ("L1-P2", "big", False),
    ]


def test_fcsv_files_of_slicer_3_are_ras(tmp_path: Path) -> None:
    path = tmp_path / "ltp.fcsv"
    path.write_text("# Fiducial List file old\n# name = old\n# columns = label,x,y,z,sel,vis\nm2,12.5,-93.5,7.5,1,0\n")
    points = read_points(path).points
    assert points == (Point("m2", (-12.5, 93.5, 7.5), "", visible=False),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SLICER4.format(version="5.0", system=2), "neither LPS nor RAS"),
        (SLICER4.format(version="4.4", system=0).replace("# CoordinateSystem = 0\n", ""), "LPS or RAS"),
        (SLICER4.format(version="5.0", system="LPS") + "of two lines\n", "line 6: this line is not a point.* join it"),
        (SLICER4.format(version="5.0", system="LPS").replace("43.5", "nan"), "line 4: the point has no finite"),
        (SLICER4.format(version="5.0", system="LPS").replace("label", "name"), "columns label, x, y and z"),
        ("a,b\n1,2\n", "not a point file"),
        ("# Markups fiducial file version = 5.0\n# CoordinateSystem = LPS\n", "no placed point"),
    ],
)
def test_a_bad_fcsv_file_is_refused_with_the_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "ltp.fcsv"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        read_points(path)


def test_a_missing_file_and_a_strange_ending_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_points(tmp_path / "ltp.mrk.json")
    with pytest.raises(InputError, match=r"from \.mrk\.json or \.fcsv"):
        read_points(tmp_path / "F.acsv")


def test_points_that_are_written_come_back_the_same(tmp_path: Path) -> None:
    points = PointList(
        "ltp", (Point("Läsion 1", (1.1, -2.2, 1 / 3), "Segment VIII"), Point("b", (0, 0, -7), "", False))
    )
    write_points(points, tmp_path / "ltp.mrk.json")
    assert read_points(tmp_path / "ltp.mrk.json") == points
    assert [path.name for path in tmp_path.iterdir()] == ["ltp.mrk.json"]


def test_points_are_valid_from_birth() -> None:
    with pytest.raises(ValueError, match="finite"):
        Point("a", (1.0, float("nan"), 0.0))
    with pytest.raises(ValueError, match="same label"):
        PointList("l", (Point("a", (1, 2, 3)), Point("a", (4, 5, 6))))
    assert PointList("none", ()).positions.shape == (0, 3)


def roi(system: str, orientation: list[float]) -> dict:
    values = {"center": [10, -20, 30], "size": [8, 4, 2], "orientation": orientation, "name": "tumour"}
    return {"type": "ROI", "coordinateSystem": system, "roiType": "Box", **values}


def test_a_turned_box_is_read_with_its_axes(tmp_path: Path) -> None:
    # columns: the box's x axis points to the patient's back, its y axis to the right, in the frame of the file
    (found,) = read_rois(mrk(tmp_path, roi("LPS", [0, -1, 0, 1, 0, 0, 0, 0, 1])))
    assert found.label == "tumour"
    assert found.box.center == (10, -20, 30)
    assert np.allclose(found.box.axes, [[0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    assert found.box.contains([[10, -16.1, 30], [11.9, -20, 30], [10, -20, 30.9]]).all()
    assert not found.box.contains([[13.9, -20, 30], [10, -15.9, 30], [10, -20, 31.1]]).any()


def test_a_box_in_ras_is_the_same_box(tmp_path: Path) -> None:
    (lps,) = read_rois(mrk(tmp_path, roi("LPS", [0.6, -0.8, 0, 0.8, 0.6, 0, 0, 0, 1])))
    ras = roi("RAS", [-0.6, 0.8, 0, -0.8, -0.6, 0, 0, 0, 1]) | {"center": [-10, 20, 30]}
    (same,) = read_rois(mrk(tmp_path, ras, name="ras.mrk.json"))
    assert np.allclose(same.box.center, lps.box.center)
    assert np.allclose(same.box.axes, lps.box.axes)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"center": None}, "no place"),
        ({"size": [1, 0, 2]}, "no size"),
        ({"orientation": [1, 2]}, "not valid"),
        ({"orientation": [1, 1, 0, 0, 1, 0, 0, 0, 1]}, "not valid"),
        ({"type": "Plane"}, "holds Plane, not boxes"),
    ],
)
def test_a_bad_box_is_refused(tmp_path: Path, change: dict, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_rois(mrk(tmp_path, roi("LPS", [1, 0, 0, 0, 1, 0, 0, 0, 1]) | change))


@pytest.mark.shared
def test_real_old_fcsv_files_are_read() -> None:
    folder = shared / "data" / "slicer_annotations" / "slicer-markups-testing"
    if not folder.is_dir():
        pytest.skip("SKIPPED: ../shared/data/slicer_annotations not found")
    assert read_points(folder / "L1.fcsv").positions.tolist() == [[-43.3769, -23.1343, 0], [-49.8834, 4.33769, 0]]
    slicer3 = read_points(folder / "midsag.fcsv")
    assert len(slicer3.points) == 56
    assert slicer3.points[0] == Point("midsag2", (-12.5, 93.5, 7.5))


@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 400, "9" * 5000, "1e400", "NaN"])
def test_a_number_that_no_place_in_a_patient_has_is_refused(tmp_path: Path, number: str) -> None:
    path = tmp_path / "points.mrk.json"
    path.write_text(
        '{"markups": [{"type": "Fiducial", "controlPoints": [{"label": "a", "position": [' + number + ", 0, 0]}]}]}"
    )
    with pytest.raises(InputError, match=r"no finite position|damaged"):
        read_points(path)
