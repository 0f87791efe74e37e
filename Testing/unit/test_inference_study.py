"""What a study holds and tells of its inputs: a digest of each, and which of them a result rests on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.cohort.points import LabelledBox, Point, PointList, read_points, read_rois, write_points
from HCCAssistLib.cohort.segments import Segment, read_segments, write_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import write_json
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import Study, judged_study, read_study
from HCCAssistLib.recipes.registry import get_recipe

GRID = Geometry.from_parts((3, 4, 5), (0.7, 0.8, 5.0), (1.0, 2.0, 3.0), [[-1, 0, 0], [0, 1, 0], [0, 0, 1]])
CLINICAL = ("afp_ng_per_ml", "hbv")


def image(value: int) -> Image:
    return Image(np.full(GRID.shape, value, np.int16), GRID)


def box(center: float) -> tuple[LabelledBox, ...]:
    return (LabelledBox("R-1", Box((center, 2.0, 3.0), (10.0, 11.0, 12.0))),)


STUDY = Study(
    "case-1",
    {"pre/arterial": image(1)},
    points={"pre/tumour": PointList("tumour", (Point("F-1", (1.0, 2.0, 3.0)),))},
    masks={"pre/tumour": image(2)},
    values={"afp_ng_per_ml": "12", "hbv": "", "event": "1"},
    boxes={"pre/tumour": box(1.0)},
)

CHANGES = {
    "pre/arterial": {"volumes": {"pre/arterial": image(3)}},
    "pre/tumour": {"masks": {"pre/tumour": image(4)}},
    "pre/tumour points": {"points": {"pre/tumour": PointList("tumour", (Point("F-1", (1.0, 2.0, 3.1)),))}},
    "pre/tumour roi": {"boxes": {"pre/tumour": box(1.1)}},
    "clinical": {"values": {"afp_ng_per_ml": "12", "hbv": "1", "event": "1"}},
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_input_has_a_digest_of_its_own(name: str) -> None:
    before = STUDY.digests(CLINICAL)
    after = replace(STUDY, **CHANGES[name]).digests(CLINICAL)
    assert before.keys() == after.keys() == CHANGES.keys()
    assert {key for key in before if before[key] != after[key]} == {name}


def test_clinical_values_are_those_that_are_asked_for_and_no_label() -> None:
    assert "clinical" not in STUDY.digests()
    labelled = replace(STUDY, values={**STUDY.values, "event": "0", "comment": "x"})
    assert labelled.digests(CLINICAL) == STUDY.digests(CLINICAL)
    assert STUDY.digests(CLINICAL) == STUDY.digests(reversed(CLINICAL))
    absent = replace(STUDY, values={"afp_ng_per_ml": " 12 "})
    assert absent.digests(CLINICAL) == STUDY.digests(CLINICAL), "an empty cell and none are the same"


def test_what_was_used_is_told_from_what_was_not() -> None:
    inputs, unused = STUDY.recorded(["pre/arterial", "clinical"], CLINICAL)
    assert list(inputs) == ["pre/arterial", "clinical"]
    assert {**inputs, **unused} == STUDY.digests(CLINICAL) and not inputs.keys() & unused.keys()
    with pytest.raises(KeyError):
        STUDY.recorded(["post/arterial"])


LESIONS = replace(
    get_recipe("ltp"),
    inputs=(
        InputSpec("pre", "arterial", "volume", required=True),
        InputSpec("pre", "tumour", "segment", required=True, of_lesions=True),
        InputSpec("pre", "masses", "points", required=False, of_lesions=True),
        InputSpec("pre", "frame", "roi", required=False),
    ),
)
"""A method with lesions as segments and as points, and with a box."""


def lesions_on_disk(folder: Path) -> Path:
    """A case with two overlapping tumours and an empty segment, on an oblique, flipped, anisotropic volume."""
    turn = np.array([[-np.cos(0.4), 0, np.sin(0.4)], [0, 1, 0], [np.sin(0.4), 0, np.cos(0.4)]])
    grid = Geometry.from_parts((14, 60, 64), (0.8, 0.9, 5.0), (20.0, -30.0, 100.0), turn)
    k, j, i = np.indices(grid.shape)
    write_image(Image((40 + i + 3 * j - 2 * k).astype(np.int16), grid), folder / "pre" / "arterial.nrrd")
    bodies = {
        "left one": (abs(k - 5) < 2) & (abs(j - 20) < 6) & (abs(i - 15) < 4),
        "right one": (abs(k - 6) < 3) & (abs(j - 24) < 5) & (abs(i - 18) < 9),
        "nothing yet": np.zeros(grid.shape, dtype=bool),
    }
    segments = [Segment(name, Image(body.astype(np.uint8), grid)) for name, body in bodies.items()]
    write_segments(segments, folder / "pre" / "tumour.seg.nrrd")
    places = [tuple(grid.to_world(ijk)) for ijk in ((15, 20, 5), (40, 33, 9))]
    write_points(
        PointList("masses", tuple(Point(f"F-{n}", place) for n, place in enumerate(places))),
        folder / "pre" / "masses.mrk.json",
    )
    roi = {"type": "ROI", "coordinateSystem": "LPS", "roiType": "Box", "name": "frame", "size": [30, 20, 10]}
    roi |= {"center": list(grid.to_world((30, 30, 7))), "orientation": [1, 0, 0, 0, 1, 0, 0, 0, 1]}
    write_json(folder / "pre" / "frame.mrk.json", {"@schema": "markups-schema-v1.0.3.json#", "markups": [roi]})
    return folder


def test_what_a_person_chose_makes_the_same_study_as_the_files_of_a_case(tmp_path: Path) -> None:
    (tmp_path / "pre").mkdir()
    pre = lesions_on_disk(tmp_path) / "pre"
    read = read_study(Case("case-1", "case-1", "", {}, tmp_path), LESIONS)
    chosen = judged_study(
        "case-1",
        LESIONS,
        volumes=read.volumes,
        segments={"pre/tumour": read_segments(pre / "tumour.seg.nrrd")},
        points={"pre/masses": read_points(pre / "masses.mrk.json")},
        boxes={"pre/frame": read_rois(pre / "frame.mrk.json")},
        values={},
    )
    assert chosen.digests() == read.digests()
    assert {"pre/tumour", "pre/tumour finding 2", "pre/masses points", "pre/frame roi"} < chosen.digests().keys()
    assert [one.name for one in chosen.findings["pre/tumour"]] == ["left one", "right one"]
    for key, findings in read.findings.items():
        assert [str(replace(f, mask=None)) for f in chosen.findings[key]] == [
            str(replace(f, mask=None)) for f in findings
        ]
    assert [w.what for w in chosen.warnings if "empty" in w.what] == ["the segment is empty"]
    assert [w.what for w in chosen.warnings] == [w.what for w in read.warnings]


def test_lesions_of_which_none_is_painted_are_refused() -> None:
    empty = Segment("tumour", Image(np.zeros(GRID.shape, np.uint8), GRID))
    with pytest.raises(InputError, match="no segment is painted"):
        judged_study("c", LESIONS, volumes=STUDY.volumes, segments={"pre/tumour": (empty,)}, points={}, values={})
