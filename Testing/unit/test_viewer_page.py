"""What a page holds, byte by byte: exact voxels, heat, no identifiers; and what the command refuses."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import dicom_samples
import numpy as np
import pytest
import viewer_samples as samples

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.cohort import write_cohort_table
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.files import read_image, write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import to_lps_order
from HCCAssistLib.results.category_set import CategorySet
from HCCAssistLib.results.files import write_result
from HCCAssistLib.results.review import Review, Verdict
from HCCAssistLib.viewer import page as page_module
from HCCAssistLib.viewer.anonymous import anonymous_warnings, known_words
from HCCAssistLib.viewer.contents import contents, score
from HCCAssistLib.viewer.heat import heat_on
from HCCAssistLib.viewer.page import SCRIPTS, script, write_page
from HCCAssistLib.viewer.voxels import STEPS, packed

ASSETS = Path(page_module.__file__).parent / "assets"


def blocks(page: Path) -> dict[str, bytes]:
    """What the page carries, unpacked."""
    found = re.findall(r'<script type="text/plain" id="(\w+)">([^<]*)</script>', page.read_text(encoding="utf-8"))
    return {name: zlib.decompress(base64.b64decode(text)) for name, text in found}


def about(page: Path) -> dict[str, Any]:
    """What the page says."""
    text = page.read_text(encoding="utf-8")
    return json.loads(text.split('<script type="application/json" id="about">')[1].split("</script>")[0])


def unfolded(data: bytes, width: int) -> np.ndarray:
    """As the page does it, by numpy."""
    high, low = np.frombuffer(data, np.uint8).reshape(2, -1).astype(np.int64)
    steps = high * 256 + low
    steps = (steps >> 1) ^ -(steps & 1)
    return steps.reshape(-1, width).cumsum(axis=1).astype(np.int16)


@pytest.mark.parametrize(
    ("array", "exact"),
    [
        (np.random.default_rng(0).integers(-1024, 3071, (7, 5, 6)).astype(np.int16), True),
        (np.random.default_rng(0).integers(-(2**15), 2**15, (7, 5, 6)).astype(np.int16), True),
        (np.random.default_rng(0).integers(0, 2**16, (7, 5, 6)).astype(np.uint16), True),
        (np.random.default_rng(0).integers(0, 90, (7, 5, 6)).astype(np.float32), True),
        (np.random.default_rng(0).normal(0, 1e-3, (7, 5, 6)), False),
        (np.random.default_rng(0).uniform(-1e6, 1e6, (7, 5, 6)), False),
        (np.full((7, 5, 6), 0.25), False),
        (np.random.default_rng(0).random((7, 5, 6)) > 0.5, True),
    ],
)
def test_voxels_come_back(array: np.ndarray, exact: bool) -> None:
    image = Image(array, samples.ODD.crop((0, 0, 0), array.shape))
    one = packed(image, hounsfield=False)
    numbers = np.concatenate(
        [unfolded(zlib.decompress(base64.b64decode(slab)), one.numbers.shape[2]) for slab in one.slabs()]
    )
    values = numbers.reshape(one.numbers.shape) * one.slope + one.intercept
    expected = to_lps_order(image).array.astype(np.float64)
    spread = float(np.ptp(expected))
    assert np.abs(values - expected).max() <= (0 if exact else 0.51 * spread / STEPS)


def test_slabs_make_up_the_volume_and_padding_of_a_ct_becomes_air(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("HCCAssistLib.viewer.voxels.SLAB_BYTES", 5 * 2 * 60 * 44)
    image = samples.body(samples.ODD)
    image = Image(np.where(image.array < -80, -3024, image.array), image.geometry)
    one = packed(image, hounsfield=True)
    slabs = list(one.slabs())
    assert len(slabs) == 4  # of 18 slices, 5 in each
    assert one.numbers.min() == -1024
    numbers = np.concatenate(
        [unfolded(zlib.decompress(base64.b64decode(slab)), one.numbers.shape[2]) for slab in slabs]
    )
    assert (numbers.reshape(one.numbers.shape) == np.maximum(to_lps_order(image).array, -1024)).all()


def test_heat_lies_on_its_volume_whatever_its_grid() -> None:
    volume = packed(samples.body(samples.ODD), hounsfield=True).geometry
    warm = samples.heat(samples.ODD)
    found = heat_on(warm, volume)
    assert found is not None
    assert found.owners is None
    k, j, i = np.argwhere(found.strength == round(0.9 * 255)).T
    index = np.stack([i, j, k], -1) + found.start
    back = np.rint(warm.geometry.to_index(volume.to_world(index))).astype(int)
    assert (warm.array[tuple(back.T[::-1])] == np.float32(0.9)).all()
    assert len(back) == (warm.array == np.float32(0.9)).sum()

    straight = Geometry.from_parts((40, 60, 60), (2.0, 2.0, 2.0), samples.ODD.center - 60)
    center = samples.ODD.center
    k, j, i = np.indices(straight.shape)
    away = np.linalg.norm(straight.to_world(np.stack([i, j, k], -1)) - center, axis=-1)
    moved = heat_on(Image(np.exp(-((away / 12) ** 2)), straight), volume)
    assert moved is not None
    top = np.array(np.unravel_index(moved.strength.argmax(), moved.strength.shape))[::-1] + moved.start
    assert np.linalg.norm(volume.to_world(top) - center) < 2.5

    assert heat_on(Image(np.zeros(warm.array.shape), warm.geometry), volume) is None
    far = Geometry.from_parts((4, 4, 4), (1, 1, 1), samples.ODD.center + 5000)
    assert heat_on(Image(np.ones(far.shape), far), volume) is None


def test_heat_belongs_to_the_nearest_candidate() -> None:
    volume = packed(samples.body(samples.ODD), hounsfield=True).geometry
    boxes = samples.boxes(samples.ODD)
    found = heat_on(samples.heat(samples.ODD), volume, boxes)
    assert found is not None
    assert found.owners is not None
    assert (found.owners > 0).sum() == (found.strength > 0).sum()
    warmest = found.owners[found.strength == round(0.9 * 255)]
    assert np.bincount(warmest).argmax() == 1


IDENTIFIERS = (*dicom_samples.IDENTIFIERS, "Muster", "Maria", "Geheim", "Hospital", "Dr. Who", "19560412", "1.2.276.0")


def test_nothing_that_names_a_patient_is_in_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Planted in headers, folders, labels, comments, readers and warnings; looked for as bytes, unpacked."""
    folder = tmp_path / "Muster^Maria_19560412" / "Hospital Geheim"
    series = dicom_samples.write(dicom_samples.ct_series(), folder / "1.2.276.0.7230010")
    from HCCAssistLib.dicom.volume import read_volume

    image = replace(read_volume(series, name="Muster_Maria"), acquired="19991231120000")
    made, _ = samples.small("classification")
    review = Review(Verdict.OTHER, "Dr. Who", "Maria Muster, born 19560412", "PD")
    finding = replace(made.findings[0], label="Muster Maria S4", review=review)
    warnings = (
        Problem("WARN", "Muster_Maria.nrrd is not used", "case Muster", "give it the name of an input"),
        Problem("WARN", "Muster Maria S4: outside the sizes of the training, 10 to 80 mm", "pre/arterial"),
        Problem("WARN", "the largest one counts, without Geheim", "/home/Muster/ct", "tag another one with target yes"),
        Problem("WARN", "acquired 1999-12-31 and 31.12.1999, UID 1.2.826.0.1.3680043", "19991231"),
        Problem(
            "WARN", "the phase does not fit: this looks portal, and the method needs a late arterial phase", "Maria"
        ),
    )
    result = replace(
        made,
        findings=(finding,),
        volumes={"pre/arterial": image.geometry},
        heatmaps={},
        warnings=warnings,
        run=samples.run_record("tace-response", {"pre/arterial": image}),
    )
    write_result(result, folder / "Maria")
    page = tmp_path / "page.html"
    assert main(["view", str(folder / "Maria"), str(series), "--out", str(page)]) == 0
    content = page.read_bytes() + b"".join(blocks(page).values())
    for secret in IDENTIFIERS:
        for form in (
            secret.encode(),
            secret.lower().encode(),
            secret.encode("utf-16-le"),
            base64.b64encode(secret.encode()),
        ):
            assert form not in content, secret
            assert form not in content.lower(), secret
    assert str(tmp_path).encode() not in content
    said = about(page)["warnings"]
    assert said[0] == "pre/arterial: finding 1: outside the sizes of the training, 10 to 80 mm."
    assert said[1].startswith("The phase does not fit: this looks portal")
    assert said[2].startswith("3 warnings name something that a person wrote")
    assert about(page)["caseId"] == ""
    assert about(page)["findings"][0]["name"].endswith("; reader: PD")


def test_the_categories_that_cannot_be_excluded_are_told() -> None:
    made, _ = samples.small("classification")
    (finding, *_) = made.findings
    p_values = {code: 0.5 if number < 2 else 0.01 for number, code in enumerate(finding.probabilities)}
    finding = replace(finding, category_set=CategorySet(p_values, 0.4, 0.9, 412, 105))
    told = contents(replace(made, findings=(finding,)))["findings"][0]["lines"]
    assert "set: CR or PR (90 %, calibrated on 412 findings of 105 patients)" in told


def test_names_are_no_words_of_this_software() -> None:
    assert {"muster", "maria", "smith", "lee", "wang", "mueller"}.isdisjoint(known_words())
    fine = Problem(
        "WARN", "there is no liver segment", "post/liver", "segment the liver (any liver segmentation will do)"
    )
    assert anonymous_warnings([fine, fine], {}) == (
        ["post/liver: there is no liver segment. Segment the liver (any liver segmentation will do)."],
        0,
    )
    column = Problem("WARN", "afp_ng_per_ml is not known: the trees decide without it", "clinical values")
    assert anonymous_warnings([column], {}) == (["afp_ng_per_ml is not known: the trees decide without it."], 0)


@pytest.mark.parametrize("kind", ["detection", "classification", "risk"])
def test_every_kind_of_result_has_a_page(kind: str, tmp_path: Path) -> None:
    result, images = samples.small(kind)
    write_page(result, images, tmp_path / "page.html", case_id="case_7", synthetic=True)
    said = about(tmp_path / "page.html")
    assert said["kind"] == kind
    assert said["synthetic"] is True
    assert said["caseId"] == "case_7"
    assert "Research use only" in said["notice"]
    assert len(said["findings"]) == 2
    names = dict(said["provenance"])
    assert names["Model"] == "model"
    assert names["Input pre/arterial"] == "a" * 64
    assert set(blocks(tmp_path / "page.html")) >= {f"v{n}s0" for n in range(len(images))} | {"v0heat"}


@pytest.mark.parametrize(("case", "model", "words"), [(0, 1, "SYNTHETIC MODEL"), (1, 1, "SYNTHETIC"), (0, 0, "")])
def test_a_model_of_phantoms_is_stamped_into_every_view(case: int, model: int, words: str, tmp_path: Path) -> None:
    result, images = samples.small("detection")
    made = replace(result, run=replace(result.run, synthetic_model=bool(model)))
    write_page(made, images, tmp_path / "page.html", synthetic=bool(case))
    said = about(tmp_path / "page.html")
    assert (said["stamp"], said["syntheticModel"]) == (words, bool(model))


def test_scores_say_1_only_where_it_is_1() -> None:
    assert [score(value) for value in (0.0, 0.5, 0.97, 0.9999, 1.0)] == ["0.00", "0.50", "0.97", ">0.99", "1.00"]
    listed = contents(samples.detection()[0])["findings"]
    assert [one["scoreText"] for one in listed] == ["0.9712", "0.6200", "0.3100"]


def test_the_modules_of_the_page_fit_together() -> None:
    names: list[str] = []
    for name in SCRIPTS:
        text = (ASSETS / name).read_text(encoding="utf-8")
        names += re.findall(r"^(?:export )?(?:async )?(?:function|class|const) ([\w$]+)", text, re.MULTILINE)
        for found in re.findall(r'from "\./(.*?)"', text):
            assert SCRIPTS.index(found) < SCRIPTS.index(name)
        assert "innerHTML" not in text
        assert "eval(" not in text
    assert len(names) == len(set(names))  # they become one
    assert not re.search(r"^(import|export)\b", script(), re.MULTILINE)
    assert {path.name for path in ASSETS.glob("*.js")} == set(SCRIPTS)
    assert not re.search(
        r"https?://", script() + (ASSETS / "viewer.html").read_text() + (ASSETS / "viewer.css").read_text()
    )


@pytest.fixture
def case(tmp_path: Path) -> tuple[Path, Path]:
    """A result and the cohort that it is of."""
    result, images = samples.detection()
    cohort = tmp_path / "cohort"
    for case_id in ("a", "b"):
        (cohort / "cases" / case_id / "post").mkdir(parents=True)
    write_image(images[samples.PLACE], cohort / "cases" / "a" / "post" / "arterial.nrrd")
    rows = [{"case_id": "a", "synthetic": 1}, {"case_id": "b", "synthetic": 0}]
    write_cohort_table(cohort, rows)
    stored = read_image(cohort / "cases" / "a" / "post" / "arterial.nrrd")
    run = replace(result.run, inputs={samples.PLACE: stored.digest()})
    write_result(replace(result, run=run), tmp_path / "results" / "a")
    return tmp_path / "results" / "a", cohort


def view(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = main(["view", *map(str, arguments)])
    out, err = capsys.readouterr()
    return status, out, err


def test_the_command_finds_the_images_where_predict_found_them(case, tmp_path, capsys) -> None:
    result, cohort = case
    status, out, err = view(capsys, result, cohort, "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["page"] == str(result / "view.html")
    said = about(result / "view.html")
    assert (said["caseId"], said["synthetic"]) == ("a", True)
    assert view(capsys, result, cohort / "cases" / "a", "--out", tmp_path / "one.html")[0] == 0
    assert about(tmp_path / "one.html") == said
    moved = tmp_path / "moved.nrrd"
    (cohort / "cases" / "a" / "post" / "arterial.nrrd").rename(moved)
    assert view(capsys, result, "--image", f"post/arterial={moved}", "--out", tmp_path / "two.html")[0] == 0
    assert about(tmp_path / "two.html")["caseId"] == ""
    assert view(capsys, result, cohort, "--image", f"post/arterial={moved}", "--out", tmp_path / "three.html")[0] == 0
    assert about(tmp_path / "three.html") == said
    assert view(capsys, result, moved, "--out", tmp_path / "four.html")[0] == 0


@pytest.mark.parametrize(
    ("change", "arguments", "words"),
    [
        ("", ["RESULT"], "the result holds no images"),
        ("", ["COHORT", "COHORT"], "there is no readable result.json"),
        ("", ["EMPTY", "COHORT"], "there is no readable result.json"),
        ("", ["nowhere", "COHORT"], "RESULT nowhere: there is no such folder"),
        ("", ["RESULT/result.json", "COHORT"], "this is a file. Name the folder that predict wrote"),
        ("{", ["RESULT", "COHORT"], "there is no readable result.json"),
        ('{"format": "hccassist-result/2", "kind": "detection", "heatmaps": []}', ["RESULT", "COHORT"], "damaged"),
        ('{"format": "hccassist-result/1"}', ["RESULT", "COHORT"], "older format"),
        ("no inputs", ["RESULT", "COHORT"], "does not say on which images it rests"),
        ("no scan", ["RESULT", "COHORT"], "the image post/arterial is missing"),
        ("other scan", ["RESULT", "COHORT"], "not the image that the result was computed on"),
        ("renamed", ["OTHER", "COHORT"], "none of its 2 cases is called as the folder of the result, 'x'"),
        ("", ["RESULT", "COHORT", "--image", "pre/arterial=x.nrrd"], "the result is not about pre/arterial"),
        ("", ["RESULT", "--image", "post/arterial=nowhere.nrrd"], "there is no such file"),
        ("", ["RESULT", "--image", "post/arterial"], "names no image"),
        ("", ["RESULT", "nowhere"], "no such file or folder"),
        ("", ["RESULT", "COHORT", "--out", "RESULT"], "ends in .html"),
        ("", ["RESULT", "COHORT", "--out", "nowhere/page.html"], "no such folder"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_words(case, tmp_path, capsys, change, arguments, words) -> None:
    result, cohort = case
    scan = cohort / "cases" / "a" / "post" / "arterial.nrrd"
    (tmp_path / "empty").mkdir()
    if change == "no scan":
        scan.unlink()
    elif change == "other scan":
        write_image(samples.body(samples.ODD, seed=5), scan)
    elif change == "renamed":
        result.rename(result.parent / "x")
    elif change == "no inputs":
        data = json.loads((result / "result.json").read_text())
        data["run"]["inputs"] = {}
        data["heatmaps"] = []
        (result / "result.json").write_text(json.dumps(data))
    elif change:
        (result / "result.json").write_text(change)
    places = {"RESULT": result, "COHORT": cohort, "EMPTY": tmp_path / "empty", "OTHER": result.parent / "x"}
    parts = (one.partition("/") for one in arguments)
    named = (places[first] / rest if first in places else first + slash + rest for first, slash, rest in parts)
    status, out, err = view(capsys, *named)
    assert status == 2
    assert out == ""
    assert words in err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert not list(tmp_path.rglob("*.html")) + list(tmp_path.rglob("*.part"))


def test_a_volume_that_no_browser_opens_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "MOST_VOXELS", 1000)
    result, images = samples.detection()
    with pytest.raises(InputError, match="million voxels"):
        write_page(result, images, tmp_path / "page.html")
    assert not list(tmp_path.iterdir())
