"""Masses of a case's files: boxes with labels, sizes beside labels, and no more phases than a model sees."""

from pathlib import Path

import pytest
from mass_toy import write_toy_cohort

from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.cohort.finding_labels import finding_codes
from HCCAssistLib.cohort.points import Point, PointList
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import write_json
from HCCAssistLib.inference.study import judged_study, read_study
from HCCAssistLib.recipes.liver_mass.masses import masses_of
from HCCAssistLib.recipes.liver_mass.recipe import LIVER_MASS, MASSES

OPTIONS = LIVER_MASS.resolve({"phases": "delayed"})


@pytest.fixture
def case(tmp_path: Path):  # type: ignore[no-untyped-def]
    return read_cohort(write_toy_cohort(tmp_path / "cohort", ["train"])).cases[0]


def draw_boxes(folder: Path, *labels: str) -> None:
    """Boxes of 30 x 20 x 40 mm instead of points."""
    (folder / "baseline" / "masses.mrk.json").unlink()
    nodes = [
        {
            "type": "ROI",
            "name": label,
            "coordinateSystem": "LPS",
            "center": [20.0 - 60 * number, -10.0, 5.0],
            "size": [30.0, 20.0, 40.0],
            "orientation": [1, 0, 0, 0, 1, 0, 0, 0, 1],
            "controlPoints": [],
        }
        for number, label in enumerate(labels)
    ]
    write_json(folder / "baseline" / "masses.mrk.json", {"markups": nodes})


def test_the_name_of_a_box_is_its_label(case) -> None:  # type: ignore[no-untyped-def]
    draw_boxes(case.folder, "C-Hyper", "E 2")
    study = read_study(case, LIVER_MASS, options=OPTIONS, classes=LIVER_MASS.label)  # type: ignore[arg-type]
    first, second = masses_of(study, OPTIONS)
    assert (first.category, first.subtype, first.diameter_source) == ("C", "C-hyper", "roi")
    assert (second.category, second.diameter_mm, second.center) == ("E", 30.0, (-40.0, -10.0, 5.0))
    assert finding_codes(case, LIVER_MASS.inputs, LIVER_MASS.label) == ("C", "E")  # type: ignore[arg-type]
    chosen = judged_study("x", LIVER_MASS, volumes=study.volumes, segments={}, points={}, values={}, boxes=study.boxes)
    assert [one.center for one in chosen.findings[MASSES]] == [first.center, second.center]


def test_a_box_without_a_category_stops_a_training_and_no_prediction(case) -> None:  # type: ignore[no-untyped-def]
    draw_boxes(case.folder, "left lobe")
    assert len(masses_of(read_study(case, LIVER_MASS), OPTIONS)) == 1
    with pytest.raises(InputError, match="it has no category"):
        read_study(case, LIVER_MASS, classes=LIVER_MASS.label)  # type: ignore[arg-type]


def test_a_model_of_one_phase_reads_one(case) -> None:  # type: ignore[no-untyped-def]
    for phase in ("unenhanced", "arterial"):
        (case.folder / "baseline" / f"{phase}.nrrd").unlink()
    assert set(read_study(case, LIVER_MASS, options=OPTIONS).volumes) == {"baseline/delayed"}
    with pytest.raises(InputError, match="there is no baseline/unenhanced"):
        read_study(case, LIVER_MASS)


def test_another_size_is_another_input() -> None:
    first, same, other, none = (
        PointList("masses", (Point("F", (1.0, 2.0, 3.0), text),)) for text in ("A, 32 mm", "B, 3.2 cm", "A, 30 mm", "A")
    )
    assert first.digest() == same.digest() != other.digest()
    assert none.digest() == PointList("masses", (Point("G", (1.0, 2.0, 3.0)),)).digest()
