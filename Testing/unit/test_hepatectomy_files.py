"""Early recurrence from the files of a case: segment, box, both, and what is wrong with them."""

import json
from pathlib import Path

import numpy as np
import pytest
from hepatectomy_toy import CENTER, TINY, grid, model, register, segment, write_toy_cohort

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.case_files import read_case
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.cohort.segments import Segment, write_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import read_study
from HCCAssistLib.recipes.hepatectomy.checks import problems
from HCCAssistLib.recipes.hepatectomy.prediction import predict
from HCCAssistLib.recipes.hepatectomy.recipe import HEPATECTOMY, OUTCOME, TUMOUR
from HCCAssistLib.recipes.registry import cohort_spec

SS, NSS = HEPATECTOMY.resolve(TINY), HEPATECTOMY.resolve({**TINY, "voi": "NSS"})
TUMOUR_FILE, BOX_FILE = "tumour.seg.nrrd", "tumour.mrk.json"


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


@pytest.fixture
def one(tmp_path: Path) -> Case:
    (found,) = read_cohort(write_toy_cohort(tmp_path / "cohort", [(8, 1)])).cases
    return found


def folder_of(one: Case) -> Path:
    return one.time_point_folder("pre")


def write_box(one: Case, center: tuple[float, float, float] = CENTER) -> None:
    box = {"type": "ROI", "coordinateSystem": "LPS", "roiType": "Box", "name": "box", "size": [48, 36, 28]}
    content = {"markups": [{**box, "center": list(center)}]}
    (folder_of(one) / BOX_FILE).write_text(json.dumps(content), encoding="utf-8")


def test_what_the_recipe_asks_for_is_pure_data() -> None:
    kinds = {
        name: [(str(i), i.kind) for i in HEPATECTOMY.inputs_with(chosen)] for name, chosen in (("SS", SS), ("NSS", NSS))
    }
    marks = [("pre/arterial", "volume"), (TUMOUR, "segment")]
    assert kinds == {"SS": marks, "NSS": [*marks, (TUMOUR, "roi")]}
    assert HEPATECTOMY.columns == ("follow_up_months", "event") and OUTCOME.horizon_months == 24
    paper = HEPATECTOMY.resolve({}, preset="paper")
    assert paper == HEPATECTOMY.resolve({})
    wanted = {"voi": "SS", "width": 1.0, "dropout": 0.5, "clip_low": -100.0, "clip_high": 240.0, "copies": 7}
    wanted |= {"learning_rate": 1e-5, "optimiser": "adam", "batch": 8, "epochs": 100, "balance": "weights"}
    assert {name: paper[name] for name in wanted} == wanted
    assert [option.name for option in HEPATECTOMY.options if option.variant] == ["voi"]
    json.dumps(HEPATECTOMY.as_json(), allow_nan=False)


def test_a_segment_or_a_box_is_read_as_the_model_needs_it(one: Case, tmp_path: Path) -> None:
    by_segment = predict(read_study(one, HEPATECTOMY, options=NSS), model(tmp_path / "a", voi="NSS"), {})
    write_box(one)
    both = predict(read_study(one, HEPATECTOMY, options=NSS), model(tmp_path / "b", voi="NSS"), {})
    assert both.probability == by_segment.probability and f"{TUMOUR} roi" in both.run.unused_inputs
    (folder_of(one) / TUMOUR_FILE).unlink()
    by_box = predict(read_study(one, HEPATECTOMY, options=NSS), model(tmp_path / "c", voi="NSS"), {})
    assert by_box.boxes[TUMOUR].center == pytest.approx(CENTER, abs=1.0) and f"{TUMOUR} roi" in by_box.run.inputs
    with pytest.raises(InputError, match=f"there is no {TUMOUR}"):
        read_study(one, HEPATECTOMY, options=SS)
    (folder_of(one) / BOX_FILE).unlink()
    with pytest.raises(InputError, match=f"there is no {TUMOUR}"):
        read_study(one, HEPATECTOMY, options=NSS)


def empty() -> Segment:
    return Segment("T1", Image(np.zeros(grid().shape, np.uint8), grid()))


BAD = {
    "an empty segment": ([empty()], "no segment is painted"),
    "the liver alone": ([segment(grid(), name="Liver")], "no segment is a lesion: 'Liver'"),
    "a segment beside the volume": ([segment(grid(mm=(900, 160, 60)), (400.0, 0.0, 0.0))], "outside the volume"),
    "a segment in the air": ([segment(grid(), (86.0, 66.0, 4.0), 0.25)], "lies in air or lung"),
    "two tumours": ([segment(grid()), segment(grid(), (-40.0, 0.0, 4.0), 0.6, "T2")], "is for a single one"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_segment_is_one_clear_stop(name: str, one: Case) -> None:
    segments, words = BAD[name]
    write_segments(segments, folder_of(one) / TUMOUR_FILE)
    read = read_case(one, HEPATECTOMY.inputs_with(SS))
    stops = [problem for problem in (*read.problems, *problems(read, SS)) if problem.level == "STOP"]
    assert len(stops) == 1 and words in stops[0].what, stops
    assert stops[0].remedy


def test_a_target_among_several_tumours_is_the_one_that_counts(one: Case, tmp_path: Path) -> None:
    other = segment(grid(), (-40.0, 0.0, 4.0), 0.6, "T2", target="no")
    write_segments([other, segment(grid(), target="yes")], folder_of(one) / TUMOUR_FILE)
    result = predict(read_study(one, HEPATECTOMY, options=SS), model(tmp_path), {"heatmap": False})
    assert result.boxes[TUMOUR].center == pytest.approx(CENTER, abs=2.5)
    assert f"{TUMOUR} finding 2" in result.run.inputs and f"{TUMOUR} finding 1" in result.run.unused_inputs


def test_early_late_and_censored_cases_are_told_apart_in_the_table(tmp_path: Path) -> None:
    cohort = read_cohort(write_toy_cohort(tmp_path, [(8, 1), (24, 0), (24.1, 0), (24, 1), (30, 1)]))
    spec = cohort_spec(HEPATECTOMY)
    assert [spec.stratum(case) for case in cohort.cases] == ["1", "censored", "0", "1", "0"]
