"""The risk after ablation: which model decides, what the result shows, and what bad input does to it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ablation_toy import (
    CENTER,
    MIDDLE,
    STORAGES,
    TINY,
    VALUES,
    ZONE_HALF_AXES,
    case,
    marked,
    model,
    places_of,
    register,
    segment,
    study,
    trees,
)
from registration_phantoms import SMALL, patient

from HCCAssistLib.cohort.case_files import CaseContents
from HCCAssistLib.cohort.points import LabelledBox, Point, PointList
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import Cancelled, InputError
from HCCAssistLib.explain.gradcam import weighed
from HCCAssistLib.explain.pointing import peak
from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import Study, judged_study
from HCCAssistLib.recipes.ablation.checks import problems
from HCCAssistLib.recipes.ablation.evaluated_case import FILES, evaluate_case
from HCCAssistLib.recipes.ablation.explanation import in_patient, scores_and_maps, scores_of
from HCCAssistLib.recipes.ablation.network import build
from HCCAssistLib.recipes.ablation.prediction import predict
from HCCAssistLib.recipes.ablation.recipe import ABLATION, FULLEST_FIRST, NETWORKS, PHASES, TREES, TUMOUR, ZONE
from HCCAssistLib.recipes.ablation.review import training_annotations
from HCCAssistLib.recipes.ablation.sampling import as_input
from HCCAssistLib.recipes.ablation.seen import seen
from HCCAssistLib.recipes.ablation.time_point import center_crop, time_point_of
from HCCAssistLib.results.files import read_result, write_result
from HCCAssistLib.results.risk import RiskResult

pytestmark = pytest.mark.heavy

OPTIONS = ABLATION.resolve(TINY)
QUICKLY = {"heatmap": False}
BOTH = torch.ones(1, 2, dtype=torch.bool)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


@pytest.fixture(scope="module")
def whole() -> Study:
    return study()


@pytest.fixture
def two(tmp_path: Path) -> LoadedModel:
    return model(tmp_path, members=2)


def told(result: RiskResult) -> str:
    return "\n".join(map(str, result.warnings))


def without(one: Study, *columns: str) -> Study:
    return replace(one, values={column: text for column, text in one.values.items() if column not in columns})


def pictures_of(one: Study) -> torch.Tensor:
    stored = np.stack([time_point_of(one, name, OPTIONS).pictures for name in ("pre", "post")])
    return as_input(torch.from_numpy(stored[None]))


def test_all_models_answer_and_the_fullest_decides(whole: Study, two: LoadedModel) -> None:
    result = predict(whole, two, QUICKLY)
    x = pictures_of(whole)
    for name in ("pre", "prepost"):
        with torch.no_grad():
            each = [float(network(x, BOTH).sigmoid()) for network in two.named(name)]
        assert result.probabilities[name] == pytest.approx(np.mean(each), abs=1e-6) and len(set(each)) == 2
    values = {column: float(text) for column, text in VALUES.items()}
    clinical, fullest = two.trees["clinical"], two.trees["dl_clinical"]
    row = fullest.row({**values, "signature": result.probabilities["prepost"]})
    assert result.probabilities["clinical"] == clinical.probabilities(clinical.row(values))[0]
    assert result.probabilities["dl_clinical"] == fullest.probabilities(row)[0] and len(result.probabilities) == 4
    assert result.decides == "dl_clinical" and result.cutoff == two.package.card.cutoffs["dl_clinical"]
    assert sum(result.contributions.values()) == pytest.approx(result.probability - fullest.base_rate, abs=1e-9)
    assert list(result.contributions) == [*VALUES, "signature"]
    assert [(value.column, value.given, value.used) for value in result.clinical] == [
        (c, v, v) for c, v in values.items()
    ]
    assert list(result.volumes) == ["pre/delayed", "post/delayed"] and list(result.boxes) == [TUMOUR, ZONE]
    assert result.boxes[TUMOUR].center == pytest.approx(CENTER, abs=3) and result.boxes[TUMOUR].size == (128, 128, 12)
    eight = {f"{time}/{phase}" for time in ("pre", "post") for phase in PHASES}
    assert set(result.run.inputs) == {*eight, f"{TUMOUR} finding 1", ZONE, "clinical"}
    assert set(result.registrations) == eight - {"pre/delayed", "post/delayed"} and not result.warnings


ALLOWED = {
    "all": (lambda s: s, "dl_clinical", {"pre", "prepost", "clinical", "dl_clinical"}),
    "no values": (lambda s: without(s, *VALUES), "prepost", {"pre", "prepost"}),
    "no time point after": (lambda s: study("pre"), "pre", {"pre", "clinical"}),
    "neither": (lambda s: without(study("pre"), *VALUES), "pre", {"pre"}),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_the_fullest_model_that_the_inputs_allow_decides_and_is_named(name: str, whole: Study, tmp_path: Path) -> None:
    spoil, decides, answered = ALLOWED[name]
    cutoffs = {"dl_clinical": 0.1, "prepost": 0.2, "pre": 0.3, "clinical": 0.4}
    result = predict(spoil(whole), model(tmp_path, cutoffs=cutoffs), QUICKLY)
    assert result.decides == decides and set(result.probabilities) == answered
    assert result.cutoff is not None and result.cutoff.value == cutoffs[decides]
    assert result.as_json()["cutoff"]["name"] == decides
    assert ("there is no MR after the ablation" in told(result)) == ("post/delayed" not in result.volumes)
    assert ("no clinical value is known" in told(result)) == ("clinical" not in answered)
    assert bool(result.contributions) == (decides == "dl_clinical")
    assert ("clinical" in result.run.inputs) == ("clinical" in answered)


def test_with_the_signature_of_the_first_time_point_the_fullest_model_needs_no_second(tmp_path: Path) -> None:
    result = predict(study("pre"), model(tmp_path, signature_of="pre"), {})
    assert result.decides == "dl_clinical" and list(result.heatmaps) == ["pre/delayed"]
    fitted = trees(signature=True)
    row = fitted.row({**{c: float(t) for c, t in VALUES.items()}, "signature": result.probabilities["pre"]})
    assert result.probability == fitted.probabilities(row)[0]


def test_a_package_without_its_fullest_model_says_so(whole: Study, tmp_path: Path) -> None:
    why = "the model DL_Clinical is absent: with a single split"
    one = model(tmp_path, forests={"clinical": trees(signature=False)}, training={"caveats": [why]})
    result = predict(whole, one, QUICKLY)
    assert result.decides == "prepost" and why in told(result) and "clinical" in result.probabilities


def test_a_model_that_was_never_rated_does_not_answer(whole: Study, tmp_path: Path) -> None:
    """No patient of the training had MR after the ablation: PrePost has weights, and nothing was learnt about it."""
    result = predict(whole, model(tmp_path, cutoffs={"pre": 0.5, "clinical": 0.5}), {})
    assert result.decides == "pre" and set(result.probabilities) == {"pre", "clinical"}
    assert list(result.heatmaps) == ["pre/delayed"]


def test_a_value_that_is_not_known_is_left_to_the_trees_and_said(
    whole: Study, two: LoadedModel, tmp_path: Path
) -> None:
    unlearnt = predict(without(whole, "hbv", "afp_ng_per_ml"), two, QUICKLY)
    assert unlearnt.clinical[2].state == "missing" and unlearnt.decides == "dl_clinical"
    assert told(unlearnt).count("hbv and afp_ng_per_ml are not known: no patient of the training lacked them") == 1
    forests = {"clinical": trees(signature=False, missing=True), "dl_clinical": trees(signature=True, missing=True)}
    learnt = predict(without(whole, "hbv"), model(tmp_path / "b", forests=forests), QUICKLY)
    assert told(learnt).count("hbv is not known: the trees decide without it") == 1 and len(learnt.warnings) == 1
    values = {column: float(text) for column, text in VALUES.items() if column != "hbv"}
    fitted = forests["clinical"]
    assert learnt.probabilities["clinical"] == fitted.probabilities(fitted.row(values))[0]


SLIPS = {
    "g/dL for g/L": ({"total_protein_g_per_l": "7.1"}, "Is it in g/dL? write it in g/L"),
    "cm for mm": ({"tumour_size_mm": "3.2"}, "Is it in cm? write it in mm"),
    "a decimal comma": ({"afp_ng_per_ml": "12,5"}, "one with a decimal comma. Write it with a point"),
    "a word": ({"hbv": "positive"}, "hbv"),
    "a unit": ({"tumour_size_mm": "30 mm"}, "tumour_size_mm"),
    "a third choice": ({"hbv": "2"}, "hbv is 2, which is no choice"),
    "a limit": ({"afp_ng_per_ml": "<20"}, "afp_ng_per_ml"),
    "below zero": ({"tumour_number": "-1"}, "tumour_number is -1, outside 1 to 20"),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_clinical_value_that_cannot_be_is_refused_with_the_likely_slip(
    name: str, whole: Study, two: LoadedModel
) -> None:
    values, words = SLIPS[name]
    with pytest.raises(InputError) as refusal:
        predict(replace(whole, values={**VALUES, **values}), two, QUICKLY)
    (problem,) = refusal.value.problems
    assert words in str(problem) and next(iter(values)) in problem.what and problem.remedy


def test_a_decimal_comma_is_a_number_where_the_table_has_them(whole: Study, two: LoadedModel) -> None:
    one = replace(whole, values={**VALUES, "afp_ng_per_ml": "12,5"}, decimal_comma=True)
    assert predict(one, two, QUICKLY).probability == predict(whole, two, QUICKLY).probability


def test_a_result_comes_back_from_its_folder(whole: Study, two: LoadedModel, tmp_path: Path) -> None:
    result = predict(whole, two, {})
    assert list(result.heatmaps) == ["pre/delayed", "post/delayed"]
    write_result(result, tmp_path / "result")
    again = read_result(tmp_path / "result")
    assert again.kind == "risk" and again.as_json() == result.as_json()


def test_a_case_of_an_evaluation_is_kept_with_what_was_seen(whole: Study, two: LoadedModel, tmp_path: Path) -> None:
    one = evaluate_case(whole, two, QUICKLY)
    FILES.keep(one, {"model": "toy"}, case(), tmp_path)
    again = FILES.kept({"model": "toy"}, case(), tmp_path)
    assert again is not None and again.result.as_json() == one.result.as_json() and len(again.seen) == 8
    assert all(np.array_equal(again.seen[place], grey) for place, grey in one.seen.items())
    assert FILES.kept({"model": "other"}, case(), tmp_path) is None


def test_what_was_seen_is_made_again_from_the_result(whole: Study, two: LoadedModel) -> None:
    result = predict(whole, two, QUICKLY)
    found = {one.place: one for one in seen(result, whole.volumes, OPTIONS)}
    for time_point in ("pre", "post"):
        there = time_point_of(whole, time_point, OPTIONS)
        middle = center_crop(there.pictures)[:, 1].astype(np.float32)
        for number, phase in enumerate(PHASES):
            one = found[f"{time_point}/{phase}"]
            assert np.abs(one.grey / 255 - middle[number]).max() < 0.003
            assert one.grid.center == pytest.approx(there.sections.center) and one.grid.shape == (1, 128, 128)


def test_one_pass_gives_the_maps_of_plain_grad_cam_on_one_scale(whole: Study, two: LoadedModel) -> None:
    x = pictures_of(whole)
    networks = two.named("prepost")
    scores, maps = scores_and_maps(networks, x, BOTH)
    assert scores == pytest.approx(scores_of(networks, x, BOTH), abs=1e-6) and maps.shape == (2, 16, 16)
    each = []
    for network in networks:
        held = network.features(x[0]).detach().requires_grad_()
        heat = weighed(held, network.head(held, BOTH)).numpy()
        each.append(heat / max(heat.max(), 1e-30))
    assert maps == pytest.approx(np.mean(each, axis=0), abs=1e-5)


@pytest.mark.parametrize("name", STORAGES)
def test_a_hot_cell_lies_in_the_patient_where_the_network_looked(name: str) -> None:
    """A cell near the left back corner: rows run to the back, columns to the left; a cell is 8 mm wide."""
    geometry, box = STORAGES[name], Box(MIDDLE, (128.0, 128.0, 12.0))
    cells = np.zeros((16, 16), np.float32)
    cells[11, 12] = 0.5
    heat = in_patient(cells, box, geometry)
    assert heat is not None
    spot, wanted = peak(heat), np.add(MIDDLE, (12 * 8 + 4 - 64, 11 * 8 + 4 - 64, 0))
    assert (
        spot is not None and np.abs(spot - wanted)[:2].max() < geometry.spacing.max() and abs(spot[2] - wanted[2]) < 2.5
    )
    hot = places_of(heat.geometry)[heat.array > 0]
    assert (np.abs(hot - MIDDLE) <= (64.01, 64.01, 6.01)).all(), "no heat outside the three slices"
    assert 0.3 < float(heat.array.max()) <= 0.5, "on the scale that both time points share"


def brightness(name: str) -> dict[str, torch.Tensor]:
    """Weights of a network whose risk rises with brightness, wherever it is."""
    network = build(OPTIONS, name)
    weights = network.state_dict()
    for key, tensor in weights.items():
        if key.endswith("weight") and tensor.ndim > 1:
            tensor.fill_(1.0 / tensor[0].numel())
        elif key.startswith("gru") or key.endswith("bias"):
            tensor.fill_(0.0)
    hidden = network.gru.hidden_size
    weights["gru.weight_ih"][2 * hidden :] = 1.0 / hidden  # its gates stay half open
    return weights


@pytest.mark.parametrize("name", STORAGES)
def test_heat_lies_on_what_raised_the_risk_at_each_time_point(name: str, tmp_path: Path) -> None:
    geometry, mark = STORAGES[name], LabelledBox("B1", Box(MIDDLE, (30.0, 30.0, 20.0)))
    spots = {"pre": np.add(MIDDLE, (36.0, 20.0, 0.0)), "post": np.add(MIDDLE, (-20.0, -28.0, 0.0))}
    volumes = {}
    for number, (time_point, spot) in enumerate(spots.items()):
        for phase in PHASES:
            noise = np.random.default_rng(8 * number + PHASES.index(phase)).normal(100, 3, geometry.shape)
            bright = np.linalg.norm(places_of(geometry) - spot, axis=-1) < 10
            volumes[f"{time_point}/{phase}"] = Image((noise + 200 * bright).astype(np.float32), geometry, "case-1")
    boxes = {ZONE: (mark,)}
    one = marked(Study("case-1", volumes, boxes=boxes), [mark])
    loaded = model(tmp_path, weights=[{n: brightness(n) for n in ("pre", "prepost")}])
    result = predict(one, loaded, {})
    assert result.decides == "prepost"
    for time_point, spot in spots.items():
        found = peak(result.heatmaps[f"{time_point}/delayed"])
        assert found is not None and np.abs(found - spot).max() < 6, "less than a cell"
    assert set(result.run.inputs) >= {f"{TUMOUR} roi", f"{ZONE} roi"}


def test_a_study_of_a_scene_is_predicted_alike_and_a_person_s_transform_is_recorded(
    whole: Study, two: LoadedModel
) -> None:
    parts = {TUMOUR: [segment(SMALL)], ZONE: segment(SMALL, CENTER, ZONE_HALF_AXES)}
    there = judged_study(
        "case-1",
        ABLATION,
        volumes=whole.volumes,
        segments=parts,
        points={},
        values=VALUES,
        transforms={"pre/portal": np.eye(4)},
    )
    result = predict(there, two, QUICKLY)
    assert result.probability == predict(whole, two, QUICKLY).probability
    assert "pre/portal transform" in result.run.inputs and result.registrations["pre/portal"]["source"] == "person"
    assert told(result).count("given by a person") == 1 and len(result.warnings) == 1


def test_one_painted_slice_is_enough_without_a_warning(whole: Study, two: LoadedModel) -> None:
    flat = segment(SMALL).mask.array.copy()
    level = round(SMALL.to_index(CENTER)[2])
    flat[:level], flat[level + 1 :] = 0, 0
    drawn = Segment("T1", Image(flat, SMALL))
    there = judged_study(
        "case-1", ABLATION, volumes=study("pre").volumes, segments={TUMOUR: [drawn]}, points={}, values=VALUES
    )
    assert not there.warnings
    assert "voxel thin" not in told(predict(there, two, QUICKLY))


def instead(one: Study, name: str, change: Callable[[Image], Image]) -> Study:
    return replace(one, volumes={**one.volumes, name: change(one.volumes[name])})


def less(one: Study, *names: str) -> Study:
    return replace(one, volumes={name: image for name, image in one.volumes.items() if name not in names})


def dated(one: Study, **days: str) -> Study:
    """With a day (and a time of each phase) for each time point."""
    volumes = {
        name: replace(image, acquired=f"{days[name.split('/')[0]]}12{PHASES.index(name.split('/')[1]):02d}00")
        for name, image in one.volumes.items()
    }
    return replace(one, volumes=volumes)


def computed(image: Image) -> Image:
    """Voxels as of CT."""
    air = image.array < 30
    return image.with_array(np.where(air, -1000, image.array - 90).astype(np.int16), "CT")


def elsewhere(one: Segment, *by: float) -> Segment:
    affine = one.mask.geometry.affine.copy()
    affine[:3, 3] += by
    return Segment(one.name, replace(one.mask, geometry=Geometry(one.mask.geometry.shape, affine)))


def cut(image: Image) -> Image:
    """Another field of view: the feet's half of it."""
    return crop(image, (0, 0, 0), (22, 84, 100), fill_value=0)


EXCHANGED = {"pre": "20250301", "post": "20250131"}

REFUSED = {
    "no volume before": (
        lambda s: less(s, *(f"pre/{p}" for p in PHASES)),
        "there is no volume from before the ablation",
    ),
    "a phase is missing before": (lambda s: less(s, "pre/portal"), "the portal phase is missing"),
    "phases are missing after": (
        lambda s: less(s, "post/portal", "post/delayed"),
        "the portal and the delayed phases are missing",
    ),
    "no tumour": (lambda s: marked(s, []), "no tumour is marked"),
    "no zone": (lambda s: replace(s, masks={}), "no ablation zone is marked"),
    "no target": (lambda s: marked(s, [segment(SMALL, target="no")]), "no tumour is marked as the target"),
    "a tumour outside": (
        lambda s: marked(s, [elsewhere(segment(SMALL), 0, 0, 400)]),
        "it lies outside the delayed phase of pre",
    ),
    "a box outside": (
        lambda s: marked(s, [LabelledBox("B1", Box((0, 0, 500), (30, 30, 30)))]),
        "it lies outside the delayed phase of pre",
    ),
    "a series twice": (
        lambda s: replace(s, volumes={**s.volumes, "pre/portal": s.volumes["pre/arterial"]}),
        "it is the same series as pre/arterial",
    ),
    "a series twice, stored otherwise": (
        lambda s: replace(
            s,
            volumes={
                **s.volumes,
                "post/delayed": Image(s.volumes["pre/delayed"].array.astype(np.float32) * 2, SMALL, "case-1"),
            },
        ),
        "it is the same series as pre/delayed",
    ),
    "CT": (lambda s: instead(s, "pre/arterial", computed), "the voxels are Hounsfield units: this is a CT"),
    "nothing but one value": (
        lambda s: instead(s, "post/portal", lambda v: v.with_array(np.full_like(v.array, 7), "")),
        "all voxels have the same value",
    ),
    "another field of view": (
        lambda s: instead(s, "pre/arterial", cut),
        "of the square around the region that is seen in the delayed phase",
    ),
    "time points exchanged, by the headers": (
        lambda s: dated(s, **EXCHANGED),
        "what is given as before the ablation was acquired after what is given as after it",
    ),
    "two examinations in one": (
        lambda s: instead(
            dated(s, pre="20250131", post="20250301"), "pre/portal", lambda v: replace(v, acquired="20250202")
        ),
        "its phases were acquired on different days",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_predicted_is_refused_with_the_reason(name: str, whole: Study, two: LoadedModel) -> None:
    spoil, words = REFUSED[name]
    with pytest.raises(InputError) as refusal:
        predict(spoil(whole), two, QUICKLY)
    assert len(refusal.value.problems) == 1, "one cause, one message"
    (problem,) = refusal.value.problems
    assert words in problem.what and problem.where and problem.remedy


def contents_of(one: Study) -> CaseContents:
    return CaseContents(
        case(), volumes=dict(one.volumes), findings=dict(one.findings), masks=dict(one.masks), boxes=dict(one.boxes)
    )


@pytest.mark.parametrize("name", [name for name in REFUSED if name != "another field of view"])
def test_the_check_of_a_cohort_tells_the_same(name: str, whole: Study) -> None:
    spoil, words = REFUSED[name]
    found = [problem for problem in problems(contents_of(spoil(whole))) if problem.level == "STOP"]
    assert [words in problem.what for problem in found] == [True]


def test_a_sound_case_has_no_doubts(whole: Study) -> None:
    assert not list(problems(contents_of(whole)))
    assert not list(problems(contents_of(dated(whole, pre="20250131", post="20250301"))))


def exchanged(one: Study) -> Study:
    """The volumes of the two time points in each other's place; the marks stay."""
    other = {"pre": "post", "post": "pre"}
    volumes = {f"{other[n.split('/')[0]]}/{n.split('/')[1]}": image for n, image in one.volumes.items()}
    return replace(one, volumes={name: volumes[name] for name in one.volumes})


DOUBTED = {
    "several tumours": (
        lambda s: marked(s, [segment(SMALL, (-20, -15, 5), (8, 8, 8), "small"), segment(SMALL)]),
        "2 are marked, and the largest one counts, without 'small'",
    ),
    "a tumour wider than what is seen": (
        lambda s: marked(s, [segment(SMALL, (-55, -15, 5), (70, 40, 30))]),
        "and the network sees 128 mm of it",
    ),
    "time points exchanged, by what takes up contrast": (
        exchanged,
        "the zone of ablation takes up more contrast than the liver around it, and the tumour less",
    ),
    "a phase of another breath": (
        lambda s: instead(s, "pre/arterial", lambda v: Image(np.roll(v.array, (4, 6, 5), (0, 1, 2)), SMALL, "case-1")),
        "it does not lie on the delayed phase, and was not registered: agreement of edges",
    ),
    "a zone without a volume": (
        lambda s: replace(s, volumes=study("pre").volumes),
        "an ablation zone is marked, but there is no volume after the ablation",
    ),
    "on one day": (
        lambda s: dated(s, pre="20250131", post="20250131"),
        "both time points were acquired on the same day",
    ),
    "phases in another order": (
        lambda s: instead(
            dated(s, pre="20250131", post="20250301"), "pre/unenhanced", lambda v: replace(v, acquired="20250131130000")
        ),
        "its phases were not acquired in the order unenhanced, arterial, portal, delayed",
    ),
}


@pytest.mark.parametrize("name", DOUBTED)
def test_what_is_doubtful_stands_in_the_result_once(name: str, whole: Study, two: LoadedModel) -> None:
    spoil, words = DOUBTED[name]
    assert told(predict(spoil(whole), two, QUICKLY)).count(words) == 1


def test_of_several_tumours_the_largest_counts(whole: Study, two: LoadedModel) -> None:
    small = segment(SMALL, (-20, -15, 5), (8, 8, 8), "small")
    result = predict(marked(whole, [small, segment(SMALL)]), two, QUICKLY)
    assert result.boxes[TUMOUR] == predict(whole, two, QUICKLY).boxes[TUMOUR]
    assert f"{TUMOUR} finding 2" in result.run.inputs and f"{TUMOUR} finding 1" in result.run.unused_inputs
    tagged = marked(whole, [segment(SMALL, (-20, -15, 5), (8, 8, 8), "small", target="yes"), segment(SMALL)])
    assert predict(tagged, two, QUICKLY).boxes[TUMOUR].center == pytest.approx((-20, -15, 5), abs=3)


SEEN = {
    "pre size_mm": [40.0, 90.0],
    "post slice_mm": [1.0, 3.0],
    "afp_ng_per_ml": [20.0, 400.0],
    "tumour_number": [1.0, 1.0],
}


def test_what_differs_from_the_training_is_told(whole: Study, tmp_path: Path) -> None:
    text = told(predict(whole, model(tmp_path, training={"seen": SEEN, "permuted_labels": True}), QUICKLY))
    assert "tumour 'T1': its size, 28.8 mm, is outside that of the training, 40 to 90 mm" in text
    assert "post/delayed: the distance of the slices, 4 mm, is outside" in text
    assert "afp_ng_per_ml, 12.5 ng/mL, is outside that of the training, 20 to 400 ng/mL" in text
    assert "shuffled labels" in text and "tumour_number" not in text


def test_the_liver_s_segment_is_an_input_where_phases_are_registered(tmp_path: Path) -> None:
    before = study("pre")
    one = replace(before, masks={"pre/liver": patient().liver(SMALL)})
    result = predict(one, model(tmp_path, registration="rigid"), QUICKLY)
    assert "pre/liver" in result.run.inputs and result.registrations["pre/arterial"]["quality"] is not None
    assert set(predict(one, model(tmp_path / "none"), QUICKLY).run.unused_inputs) == {"pre/liver"}


def test_a_person_can_stop_it(whole: Study, two: LoadedModel) -> None:
    with pytest.raises(Cancelled):
        predict(whole, two, QUICKLY, cancelled=lambda: True)
    done: list[float] = []
    predict(whole, two, QUICKLY, progress=done.append)
    assert done == sorted(done) and done[-1] == 1.0


def test_a_review_teaches_no_outcome(whole: Study, two: LoadedModel) -> None:
    found = training_annotations(predict(whole, two, QUICKLY))
    assert not found.points and not found.values and "follow_up_months and event" in found.warnings[0].what
    with pytest.raises(InputError, match="not a point"):
        training_annotations(predict(whole, two, QUICKLY), missed=PointList("missed", (Point("M", CENTER),)))


def test_models_are_printed_as_the_paper_has_them() -> None:
    assert [ABLATION.printed(name) for name in FULLEST_FIRST] == ["DL_Clinical", "PrePost", "Pre", "Clinical"]
    assert set(ABLATION.models) == {*NETWORKS, *TREES}
