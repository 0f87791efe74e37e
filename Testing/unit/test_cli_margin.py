"""``hccassist margin``: figures, table and JSON from files, and one sentence for each thing that cannot be measured."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_samples import ct_series, write
from ellipsoids import Ellipsoid, rigid
from imaging_samples import rotation
from registration_phantoms import LIVER, MOTION, SMALL, delayed, liver, patient
from result_samples import candidate, detection, risk

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.segments import Segment, write_segments
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.margin.record import read_margin
from HCCAssistLib.registration.registration import Registration, write_registration
from HCCAssistLib.results.files import write_result

pytestmark = pytest.mark.heavy

MIRROR = np.diag((1.0, -1.0, 1.0))
MATRIX = rigid(np.random.default_rng(4), 20, 30)
TUMOUR = Ellipsoid(np.array([7.0, 9.0, 12.0]), np.array([-30.0, 20.0, 55.0]), rotation(10, 50, 30))
ZONE = Ellipsoid(np.array([14.0, 17.0, 22.0]), np.add(TUMOUR.center, (3, -4, 2)), rotation(-40, 20, 60))
TRUTH = float(ZONE.depth(TUMOUR.surface()).min())

Run = Callable[..., tuple[int, str, str]]


def saved(image: Image, name: str, folder: Path) -> Path:
    path = folder / f"{name}.seg.nrrd"
    write_segments([Segment(name, image)], path)
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """An asymmetric pair in oblique, flipped, anisotropic volumes, and the transform between them as ITK has it."""
    turn = rotation(14, -9, 21) @ MIRROR
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(MATRIX[:3, :3].ravel().tolist())
    transform.SetTranslation(MATRIX[:3, 3].tolist())
    sitk.WriteTransform(transform, str(tmp_path / "pre_to_post.tfm"))
    return {
        "tumour": saved(TUMOUR.painted((0.7, 0.9, 2.0), turn), "tumour", tmp_path),
        "zone": saved(ZONE.moved(MATRIX).painted((1.5, 0.9, 0.8), MIRROR @ turn), "ablation", tmp_path),
        "transform": tmp_path / "pre_to_post.tfm",
    }


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """The command without the pictures of its page, which take longer than all the rest."""
    monkeypatch.setattr("HCCAssistLib.margin.report.margin_page", lambda *_: "page")

    def run(*more: object, **instead: Path | None) -> tuple[int, str, str]:
        given = {**files, **instead}
        options = [text for name, path in given.items() if path is not None for text in (f"--{name}", str(path))]
        status = main(["margin", *options, "--out", str(tmp_path / "out"), *map(str, more)])
        return (status, *capsys.readouterr())

    return run


def test_figures_come_as_a_table_as_json_and_as_a_file(run: Run, tmp_path: Path) -> None:
    status, out, _ = run("--error", 2, "--draws", 100)
    assert status == 0, out
    assert "smallest margin" in out and "surface under 5 mm" in out and "none: no liver segment" in out
    assert "Registration: the transform 'pre_to_post.tfm' was given by a person." in out
    assert "Its error is 2.0 mm (root mean square) as a person states it; intervals hold 100 random" in out
    first = read_margin(tmp_path / "out" / "margin.json")
    assert first.margin.smallest_mm == pytest.approx(TRUTH, abs=0.6)
    assert first.as_json() == json.loads((tmp_path / "out" / "margin.json").read_text())
    assert (tmp_path / "out" / "report.html").read_text() == "page" and "report in " in out
    status, out, _ = run("--error", 2, "--draws", 100, "--json")
    assert status == 2  # the folder holds a result already
    shutil.rmtree(tmp_path / "out")
    status, out, err = run("--error", 2, "--draws", 100, "--json")
    data = json.loads(out)
    assert data["report"] == str(tmp_path / "out" / "report.html")
    assert status == 0 and data["kind"] == "margin"
    assert data["margin"] == first.as_json()["margin"]
    assert data["warnings"] == [] and err == "" and "given by a person" in data["registration"]["notes"][0]


@pytest.mark.slow
def test_the_page_shows_scans_and_candidates_also_where_a_transform_is_given(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scans = {"before": TUMOUR.painted((2, 2, 3), room=25), "after": ZONE.moved(MATRIX).painted(room=25)}
    for name, image in scans.items():
        write_image(image, tmp_path / f"{name}.nrrd")
    here, low = (replace(candidate(n, p), box=Box(tuple(ZONE.moved(MATRIX).center.tolist()), (9, 9, 9)))
                 for n, p in ((3, 0.9), (5, 0.3)))  # fmt: skip
    write_result(replace(detection(), candidates=(here, low)), tmp_path / "ltp")
    options = [f"--{name}={path}" for name, path in files.items()]
    options += [f"--before={tmp_path / 'before.nrrd'}", f"--after={tmp_path / 'after.nrrd'}"]
    out = tmp_path / "out"
    assert main(["margin", *options, f"--candidates={tmp_path / 'ltp'}", f"--out={out}"]) == 0
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "of the scan before, in which the margin is smallest" in page and "the scan after was laid on" in page
    assert '<th scope="row">3</th>' in page and '<th scope="row">5</th>' not in page
    assert "Registration: the transform &#39;pre_to_post.tfm&#39; was given by a person." in page
    assert str(tmp_path) not in page and "reaches the edge" not in capsys.readouterr().err
    shutil.rmtree(out)
    far = replace(here, number=1, box=Box((400.0, 0.0, 0.0), (9, 9, 9)))
    write_result(replace(detection(), candidates=(far,)), tmp_path / "ltp")
    assert main(["margin", *options, f"--candidates={tmp_path / 'ltp'}", f"--out={out}"]) == 2
    assert "candidate 1 lies outside the scan after" in capsys.readouterr().err and not out.exists()
    write_result(risk(), tmp_path / "ltp")
    assert main(["margin", *options, f"--candidates={tmp_path / 'ltp'}", f"--out={out}"]) == 2
    assert "this result is no detection" in capsys.readouterr().err and not out.exists()


def test_figures_are_written_where_the_packages_of_pages_are_missing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "jinja2" else object())
    status, out, err = run()
    assert status == 0 and "report in" not in out
    assert "no page was written: a report needs jinja2: install it with pip install" in err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["margin.json"]


def test_the_transform_of_slicer_and_that_of_hccassist_are_one(
    run: Run, files: dict[str, Path], tmp_path: Path
) -> None:
    own = tmp_path / "registration.json"
    write_registration(own, Registration.by_person(MATRIX))
    assert run()[0] == 0
    one = read_margin(tmp_path / "out" / "margin.json").margin.smallest_mm
    shutil.rmtree(tmp_path / "out")
    assert run(transform=own)[0] == 0
    assert read_margin(tmp_path / "out" / "margin.json").margin.smallest_mm == pytest.approx(one, abs=1e-3)


def test_the_part_at_the_livers_surface_is_left_out(run: Run, tmp_path: Path) -> None:
    liver = Ellipsoid(np.full(3, 40.0), np.add(TUMOUR.center, (30, 0, 0)), np.eye(3)).painted((2, 2, 3))
    status, out, _ = run(liver=saved(liver, "liver", tmp_path))
    assert status == 0
    record = read_margin(tmp_path / "out" / "margin.json")
    assert 0.05 < record.margin.share_left_out < 0.6
    assert "left out at the liver's surface" in out and "no liver segment" not in out
    assert "Its error is not known: there are no intervals" in out


def points(path: Path, places: np.ndarray) -> Path:
    markup = {
        "type": "Fiducial",
        "coordinateSystem": "LPS",
        "controlPoints": [
            {"label": str(n), "position": place, "positionStatus": "defined"} for n, place in enumerate(places.tolist())
        ],
    }
    path.write_text(json.dumps({"markups": [markup]}))
    return path


def test_landmarks_tell_the_error(run: Run, tmp_path: Path) -> None:
    before = TUMOUR.center + np.array([[40.0, 0, 0], [0, 40, 0], [0, 0, 40], [-30, -30, 0]])
    off = np.array([[3.0, 0, 0], [0, -3, 0], [0, 0, 3], [3, 0, 0]])
    after = before @ MATRIX[:3, :3].T + MATRIX[:3, 3] + off
    lists = points(tmp_path / "a.mrk.json", before), points(tmp_path / "b.mrk.json", after)
    status, out, _ = run("--landmarks", *lists, "--draws", 100)
    assert status == 0 and "Its error is 3.0 mm (root mean square) by landmarks" in out
    shutil.rmtree(tmp_path / "out")
    far = points(tmp_path / "c.mrk.json", after + 60)
    status, _, err = run("--landmarks", lists[0], far)
    assert status == 2 and "landmarks lie" in err and "it failed" in err
    status, _, err = run("--landmarks", lists[0], points(tmp_path / "d.mrk.json", after[:2]))
    assert status == 2 and "4 landmarks in the fixed and 2 in the moving" in err


def one_slice(folder: Path) -> Path:
    image = ZONE.moved(MATRIX).painted((1, 1, 3))
    k = np.arange(image.array.shape[0])[:, None, None] == image.array.shape[0] // 2
    return saved(image.with_array(image.array * k, "one"), "ablation", folder)


def text_file(folder: Path) -> Path:
    (folder / "text.seg.nrrd").write_text("no segment")
    return folder / "text.seg.nrrd"


def failed(folder: Path) -> Path:
    path = folder / "failed.json"
    write_registration(path, Registration.by_person(MATRIX).failed("the images do not fit"))
    return path


def bending(folder: Path) -> Path:
    transform = sitk.BSplineTransformInitializer(sitk.Image([32, 32, 32], sitk.sitkUInt8), [4, 4, 4], 3)
    transform.SetParameters(np.random.default_rng(1).normal(0, 9, len(transform.GetParameters())).tolist())
    sitk.WriteTransform(transform, str(folder / "bends.tfm"))
    return folder / "bends.tfm"


def in_micrometres(folder: Path) -> Path:
    image = ZONE.moved(MATRIX).painted((1, 1, 1))
    grid = image.geometry
    wrong = Geometry.from_parts(grid.shape, (1000.0, 1000.0, 1000.0), grid.origin.tolist(), grid.directions)
    return saved(replace(image, geometry=wrong), "ablation", folder)


def centimetres(folder: Path) -> Path:
    matrix = np.diag((0.1, 0.1, 0.1, 1.0))
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(matrix[:3, :3].ravel().tolist())
    sitk.WriteTransform(transform, str(folder / "cm.tfm"))
    return folder / "cm.tfm"


@pytest.mark.parametrize(
    ("instead", "words"),
    [
        ({"zone": one_slice}, "ablation zone: the segment is painted in one slice only"),
        ({"zone": text_file}, "text.seg.nrrd"),
        ({"zone": lambda _: Path("nowhere.seg.nrrd")}, "nowhere.seg.nrrd: there is no such file"),
        ({"zone": in_micrometres}, "mm wide, above 300 mm. Correct the unit of its file"),
        ({"transform": failed}, "the registration failed: the images do not fit. Give a transform by hand"),
        ({"transform": bending}, "bends.tfm: the transform bends"),
        ({"transform": centimetres}, "correct its unit: it counts in millimetres".capitalize()),
        ({"transform": text_file}, "text.seg.nrrd: the file holds no transform"),
        ({"transform": lambda _: Path("nowhere.tfm")}, "nowhere.tfm: there is no such file"),
        ({"transform": lambda _: None}, "nothing says how the scans lie to each other"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_sentence(
    run: Run, tmp_path: Path, instead: dict[str, Callable[[Path], Path]], words: str
) -> None:
    status, out, err = run(**{name: make(tmp_path) for name, make in instead.items()})
    assert status == 2 and out == ""
    assert words in err and "Traceback" not in err and str(tmp_path) not in err
    assert len(err.splitlines()) == 1, err
    assert not (tmp_path / "out").exists()


def test_scans_are_registered_and_other_patients_refused(run: Run, tmp_path: Path) -> None:
    here = np.add(LIVER, (20, 5, -10))
    tumour, zone = Ellipsoid.ball(9, tuple(here)), Ellipsoid.ball(16, tuple(MOTION.forward(here[None])[0]))
    scans = [tmp_path / f"{name}.nrrd" for name in ("before", "after", "other")]
    write_image(delayed(), scans[0])
    write_image(patient().image("portal", SMALL, motion=MOTION, seed=2), scans[1])
    write_image(delayed(3), scans[2])
    given = {
        "transform": None,
        "tumour": saved(tumour.painted((1, 1, 2)), "tumour", tmp_path),
        "zone": saved(zone.painted((1, 1, 2)), "ablation", tmp_path),
        "liver": saved(liver(), "liver", tmp_path),
        "before": scans[0],
    }
    status, out, err = run("--error", 1, "--draws", 100, **given, after=scans[1])
    assert status == 0, err
    assert "the scans were registered rigidly" in out and "two starts ended" in out
    assert read_margin(tmp_path / "out" / "margin.json").margin.smallest_mm == pytest.approx(7, abs=1.2)
    shutil.rmtree(tmp_path / "out")
    status, _, err = run(**given, after=scans[2])
    assert status == 2 and "the registration failed: " in err and "Give a transform by hand" in err
    status, _, err = run(**given, after=scans[0])
    assert status == 2 and "both scans are the same" in err
    far = saved(Ellipsoid.ball(9, (900, 0, 0)).painted(), "tumour", tmp_path)
    status, _, err = run(**{**given, "tumour": far}, after=scans[1])
    assert status == 2 and "the segment lies outside the volume" in err


def test_dicom_headers_tell_two_patients(run: Run, tmp_path: Path) -> None:
    one, other = ct_series(), ct_series()
    for number, slices in enumerate((one, other)):
        for d in slices:
            d.PatientID, d.SeriesInstanceUID = f"P{number}", f"1.2.3.{number}"
    folders = [write(series, tmp_path / name) for series, name in ((one, "one"), (other, "other"))]
    status, _, err = run(transform=None, before=folders[0], after=folders[1])
    assert status == 2 and "of two patients by their DICOM headers" in err and "P0" not in err
    status, _, err = run(transform=None, before=folders[0], after=folders[0])
    assert status == 2 and "both scans are the same" in err


def test_segments_without_a_margin_between_them_are_refused(run: Run, files: dict[str, Path], tmp_path: Path) -> None:
    status, _, err = run("--same-frame", transform=None)
    assert status == 2 and "mm apart" in err  # of two places as they stand
    status, _, err = run("--same-frame", transform=None, zone=files["tumour"])
    assert status == 2 and "tumour and ablation zone are the same segment" in err
    empty = TUMOUR.painted()
    status, _, err = run(tumour=saved(empty.with_array(empty.array * 0, "empty"), "tumour", tmp_path))
    assert status == 2 and "tumour.seg.nrrd: no segment is painted" in err
    status, _, err = run(transform=None, before=Path("a.nrrd"))
    assert status == 2 and "option --after: one scan alone cannot be registered. Give both scans" in err
    for more, words in (
        (("--same-frame",), "there are two ways of registering"),
        (("--error", "0"), "an error of 0.0 mm is none of a registration"),
        (("--error", "nan"), "an error of nan mm is none of a registration"),
        (("--draws", "5"), "5 random registrations"),
        (("--seed", "-1"), "option --seed: -1 is not possible"),
    ):
        status, _, err = run(*more)
        assert status == 2 and words in err, err
