"""An archive becomes a cohort: what is proposed, what a person changes, what is written, and what is refused."""

from __future__ import annotations

import csv
import gzip
import json
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from archive_samples import PLANTED, files_below, oblique, other_objects, series, showing
from dicom_samples import enhanced, phases_in_one_series, write
from pydicom.uid import generate_uid
from test_imaging_enhancement import ARTERIAL, PORTAL, UNENHANCED, abdomen

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.cohort.known_patients import KnownPatients
from HCCAssistLib.cohort.table import put_row
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.importing.descriptions import known_words

pytestmark = pytest.mark.heavy

Rows = list[dict[str, str]]
Run = Callable[..., tuple[int, dict, str]]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "cohort"


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HCCASSIST_PATIENTS", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.fixture
def run(tree: Path, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command; what it prints as JSON, and what it complains of."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # the processes have a test of their own

    def run(recipe: str = "hepatectomy-recurrence", *more: str) -> tuple[int, dict, str]:
        status = main(["import-cohort", "dicom", str(tree), str(out), "--recipe", recipe, "--json", *more])
        printed, complained = capsys.readouterr()
        said = json.loads(printed) if printed else {}
        for problem in said.get("problems", ()):
            complained += f"{problem['where']}: {problem['what']}. {problem['remedy']}\n"
        return status, said, complained

    return run


def rows(out: Path) -> Rows:
    with (out / "roles.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def save_as_excel(out: Path, changed: Rows, *, encoding: str = "utf-8-sig") -> None:
    """As Excel saves a table in much of Europe: semicolons, a byte order mark, quotes where they are needed."""
    with (out / "roles.csv").open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(changed[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(changed)


def three_phases(folder: Path, patient: str = "PID-1", date: str = "20230104") -> None:
    study = generate_uid()
    for number, words in enumerate(("nativ 2.0", "arterial 2.0", "portal venous 2.0"), 2):
        write(series(patient, words, date=date, study=study, number=number), folder / f"{number}")


def test_two_passes_make_a_cohort_that_opens(run: Run, tree: Path, out: Path, own_data: Path) -> None:
    three_phases(tree / "a")
    three_phases(tree / "b" / "deep" / "er", "PID-2")
    before = files_below(tree)
    status, said, _ = run()
    assert (status, said["pass"], said["patients"], said["series"], said["proposed"]) == (0, "roles", 2, 6, 2)
    assert not (out / "cohort.csv").exists()
    assert sorted((row["phase"], row["role"]) for row in rows(out)[:3]) == [
        ("late arterial (medium)", "pre/arterial"),
        ("portal venous (medium)", ""),
        ("unenhanced (medium)", ""),
    ]
    status, said, _ = run()
    assert (status, said["pass"], said["new_cases"], said["read_now"]) == (0, "cohort", 2, 0)
    cohort = read_cohort(out)
    assert [(case.case_id, case.patient_id) for case in cohort.cases] == [("p001-1", "p001"), ("p002-1", "p002")]
    assert {"follow_up_months", "event"} <= set(cohort.cases[0].values)
    assert read_image(out / "cases" / "p001-1" / "pre" / "arterial.nrrd").array.shape == (11, 12, 10)
    assert files_below(tree) == before
    known = KnownPatients(own_data)  # a case of one of them that is captured in Slicer later becomes his
    guesses = [known.guess(out, cohort.cases, number) for number in ("PID-1", "PID-2", "PID-3")]
    assert [guess.kind for guess in guesses] == ["known", "known", "new"]
    assert {guess.patient_id for guess in guesses[:2]} == {"p001", "p002"}

    # the same again writes nothing
    untouched = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    status, said, _ = run()
    assert (status, said["written"], said["kept"], said["new_cases"]) == (0, [], 2, 0)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()} == untouched


def test_an_asymmetric_object_in_an_oblique_volume_comes_out_at_the_same_place(run: Run, tree: Path, out: Path) -> None:
    made, place = oblique(series())
    write(made[::-1], tree)
    run()
    run()
    image = read_image(out / "cases" / "p001-1" / "pre" / "arterial.nrrd")
    ((k, j, i),) = np.argwhere(image.array == 700)
    assert np.allclose(image.geometry.to_world([i, j, k]), place, atol=1e-3)
    assert set(np.unique(image.array)) == {-900, 700}


def test_nothing_that_names_somebody_comes_into_the_cohort(run: Run, tree: Path, out: Path) -> None:
    folder = tree / "Quastenflosser Wilhelmine 1947" / "ACC-081522"
    made = series(description="late art. Quastenflosser 2.0 mm", date="20230104")
    for k, d in enumerate(made):
        for name, value in PLANTED.items():
            setattr(d, name, value)
        d.ProtocolName, d.AcquisitionDate, d.RescaleType = "Quastenflosser arterial", "20230104", "HU"
        d.StudyTime = f"0815{k:02d}"
    write(made, folder)
    made[3].save_as(folder / "Quastenflosser.dcm")
    (folder / "damaged Quastenflosser.dcm").write_bytes(b"\0" * 300)
    later = series("PID-471199", "portal Quastenflosser", date="20230208", IssuerOfPatientID="ISSUER-77")
    write(later, tree / "Quastenflosser later")
    uids = {str(getattr(d, name)) for d in (*made, *later) for name in ("StudyInstanceUID", "SeriesInstanceUID")}
    uids |= {str(d.SOPInstanceUID) for d in (*made, *later)}
    run()
    changed = rows(out)
    for row in changed:
        row["role"] = "pre/arterial" if row["days"] == "35" else ""
    save_as_excel(out, changed)
    status, said, complained = run()
    assert (status, said["cases"]) == (0, 1)
    words = {word for value in PLANTED.values() for word in re.split(r"[\^ ]", value)} - {"CT", "nach"}
    secrets = {*words, *uids, "471199", "20230104", "20230208", "archive", str(tree), "0815"}
    everything = {**files_below(out), "stdout": json.dumps(said).encode(), "stderr": complained.encode()}
    everything |= {f"name {path}": path.encode() for path in files_below(out)}
    for name, content in everything.items():
        voxels = content.partition(b"\n\n")[2] if name.endswith(".nrrd") else b""
        plain = content + (gzip.decompress(voxels) if voxels[:2] == b"\x1f\x8b" else b"")
        for secret in secrets:
            assert secret.lower().encode() not in plain.lower(), (name, secret)
    assert "late art ? 2.0 mm" in {row["description"] for row in changed}

    key = out.with_name("cohort.key.csv")
    assert "PID-471199" in key.read_text(encoding="utf-8-sig")
    for private in (key, out.with_name("cohort.found.jsonl")):
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert "Quastenflosser^" not in key.read_text(encoding="utf-8-sig")


def test_what_a_person_writes_into_the_table_with_excel_counts(run: Run, tree: Path, out: Path) -> None:
    three_phases(tree / "a")
    three_phases(tree / "b", "PID-2")
    run()
    changed = rows(out)
    for row in changed:
        row["role"] = {"nativ 2.0": "", "?": ""}.get(row["description"], row["role"])
        if row["patient"] == "p002":
            row["role"] = "Pre \\ Portal" if "portal" in row["phase"] else ""
            row["case_id"] = "case;7".replace(";", "-")
        row["why"] = 'I looked; it "is" so'
    save_as_excel(out, changed[::-1])
    status, said, _ = run()
    assert (status, said["cases"], said["missing"]) == (0, 2, {"pre/arterial": ["case-7"]})
    assert (out / "cases" / "case-7" / "pre" / "portal.nrrd").is_file()
    assert (out / "roles.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert 'it ""is"" so' in (out / "roles.csv").read_text(encoding="utf-8-sig")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"role": "pre/arteriel"}, "there is no role 'pre/arteriel'. write one of pre/arterial, or nothing; other"),
        ({"role": "pre/arterial"}, "pre/arterial of case p001-1 stands in line 2 already"),
        ({"role": "pre/portal", "patient": "p009"}, "case p001-1 holds series of 2 patients (p001, p009)"),
        ({"role": "pre/portal", "patient": ""}, "the patient is empty"),
        ({"role": "pre/portal", "case_id": "Maria Muster"}, "'Maria Muster' cannot be a case_id"),
        ({"role": "pre/portal", "series_id": "s-000"}, "there is no series 's-000'"),
        ({"role": "pre/portal", "case_id": "P001_1"}, "differ"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused_before_anything_is_written(
    change: dict[str, str], message: str, run: Run, tree: Path, out: Path
) -> None:
    three_phases(tree)
    run()
    changed = sorted(rows(out), key=lambda row: row["role"], reverse=True)
    changed[1].update(change)
    save_as_excel(out, changed)
    status, _, complained = run()
    assert status == 2
    assert message in complained
    assert "roles.csv, line 3" in complained or "differ" in message
    assert not (out / "cases").exists()


def test_a_series_that_cannot_be_read_takes_no_role(run: Run, tree: Path, out: Path) -> None:
    made = series()
    del made[4]
    write(made, tree)
    run()
    (row,) = rows(out)
    assert (row["role"], row["why"]) == ("", "it cannot be read: see problems")
    assert "STOP: 1 slice(s) missing near slice 4" in row["problems"]
    row["role"] = "pre/arterial"
    save_as_excel(out, [row])
    status, _, complained = run()
    assert (status, "this series cannot be read: 1 slice(s) missing" in complained) == (2, True)


def test_no_header_becomes_a_formula_in_a_table_that_people_open(run: Run, tree: Path, out: Path) -> None:
    write(series("=cmd|'/C calc'!A0", IssuerOfPatientID="@SUM(A1)", description='=HYPERLINK("x") arterial'), tree)
    run()
    assert run()[:1] == (0,)  # the second pass goes by the keys
    for table in (out / "roles.csv", out.with_name(f"{out.name}.key.csv"), out / "cohort.csv"):
        for cells in csv.reader(table.read_text(encoding="utf-8-sig").splitlines()):
            assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells), cells


def test_a_file_cut_short_is_told_without_its_name(run: Run, tree: Path, out: Path) -> None:
    write(series(), tree)
    (tree / "003.dcm").write_bytes((tree / "003.dcm").read_bytes()[:-40])
    run()
    (row,) = rows(out)
    assert "STOP: a file is cut short" in row["problems"]


def test_what_is_no_series_is_counted_by_kind(run: Run, tree: Path, out: Path) -> None:
    made = series()
    write(made, tree / "s")
    write(other_objects(made[0]), tree / "mixed")
    (tree / "DICOMDIR").write_bytes(b"\0" * 200)
    (tree / "s" / "readme.txt").write_text("hello")
    (tree / "s" / "._000.dcm").write_bytes(b"\0" * 4096)
    (tree / "mixed" / "broken.dcm").write_bytes(b"nothing")
    (tree / "again").mkdir()
    (tree / "again" / "x").write_bytes((tree / "s" / "000.dcm").read_bytes())
    _, said, _ = run()
    assert said["left_out"] == {
        "report (SR)": 1,
        "PET (PT)": 1,
        "localizer": 1,
        "secondary capture": 1,
    }
    assert (said["damaged"], said["not_dicom"], said["series"], said["patients"]) == (1, 3, 1, 1)
    (row,) = rows(out)
    assert row["role"] == "pre/arterial"
    assert (row["problems"], said["copies"], said["images"]) == ("1 copy of its files, left out", 1, 11)


def test_one_series_in_two_folders_is_one_volume(run: Run, tree: Path, out: Path) -> None:
    made = series()
    write(made[::2], tree / "odd")
    write(made[1::2], tree / "even")
    run()
    (row,) = rows(out)
    assert (row["slices"], row["role"]) == ("11", "pre/arterial")
    run()
    assert read_image(out / "cases" / "p001-1" / "pre" / "arterial.nrrd").array.shape[0] == 11


def test_phases_in_one_series_and_multi_frame_files_are_volumes_of_their_own(run: Run, tree: Path, out: Path) -> None:
    phases = phases_in_one_series(3)
    for d in phases:
        d.SeriesDescription = "dynamic"
    write(phases, tree / "dynamic")
    frames = enhanced(lambda n: list(range(n))[::-1])
    frames.SeriesDescription, frames.PatientID = "arterial", "PID-9"
    write([frames], tree / "enhanced")
    run()
    by_patient = {row["series"]: row for row in rows(out)}
    assert {"4, acquisition 1", "4, acquisition 2", "4, acquisition 3", "4"} == set(by_patient)
    for number, phase in ((1, "unenhanced"), (2, "arterial"), (3, "portal")):
        by_patient[f"4, acquisition {number}"]["role"] = f"pre/{phase}"
    save_as_excel(out, list(by_patient.values()))
    status, said, _ = run()
    assert (status, said["cases"], len(said["written"])) == (0, 2, 4)
    case = by_patient["4, acquisition 1"]["case_id"]
    means = [
        read_image(out / "cases" / case / "pre" / f"{p}.nrrd").array.mean()
        for p in ("unenhanced", "arterial", "portal")
    ]
    assert np.allclose(np.diff(means), 10)
    other = by_patient["4"]["case_id"]
    assert read_image(out / "cases" / other / "pre" / "arterial.nrrd").array[0, 0, 0] == -900


def test_patients_are_never_put_together_or_taken_apart_in_silence(run: Run, tree: Path, out: Path) -> None:
    born = {"PatientBirthDate": "19500101"}
    write(series("7", IssuerOfPatientID="A"), tree / "1")
    write(series("7", IssuerOfPatientID="B", PatientName="Other^One"), tree / "2")
    write(series("8", PatientName="Before^Marriage"), tree / "3")
    write(series("8", PatientName="After^Marriage", date="20240104"), tree / "4")
    write(series("", PatientName="Some^One", **born), tree / "5")
    write(series("", PatientName="Nobody^Else"), tree / "6")
    write(series("9", PatientName="SOME^one^^^", **born), tree / "7")
    write(series("0009", PatientName="Quite^Different"), tree / "8")
    _, said, _ = run()
    assert said["patients"] == 7
    texts = [re.sub(r"p\d+", "P", doubt["what"]) for doubt in said["doubts"]]
    assert sorted(texts) == [
        "2 different names under one patient",
        "PatientID spelt almost like that of P",
        "PatientID spelt almost like that of P",
        "no PatientID: this study counts as a patient of its own",
        "no PatientID: this study counts as a patient of its own",
        "same PatientID, of another issuer, as P",
        "same PatientID, of another issuer, as P",
        "same name and birth date as P",
        "same name and birth date as P",
    ]
    changed = rows(out)
    assert sum("different names" in row["problems"] for row in changed) == 2
    twins = [row for row in changed if "same name" in row["problems"]]
    for row in twins:
        row["patient"] = twins[0]["patient"]
    save_as_excel(out, changed)
    status, said, _ = run()
    assert (status, said["changed_patients"], said["cases"], said["patients_in_cohort"]) == (0, 1, 7, 6)
    assert not any("same name" in doubt["what"] for doubt in said["doubts"])  # a person decided it
    patients = [case.patient_id for case in read_cohort(out).cases]
    assert len(patients) - len(set(patients)) == 1

    # whoever was given another pseudonym keeps it in what comes later, and is told where the table says both
    second = series("9", PatientName="SOME^one", date="20250101", **born)
    write(second, tree / "9")
    _, said, _ = run()
    assert said["rows"] == 1
    with (out / "roles.csv").open(encoding="utf-8-sig", newline="") as file:
        *before, new = csv.DictReader(file, delimiter=";")
    assert new["patient"] == twins[0]["patient"]
    new["patient"], new["role"] = "p099", "pre/arterial"
    save_as_excel(out, [*before, new])
    status, said, _ = run()
    assert (status, said["cases"]) == (0, 8)
    assert {doubt["what"] for doubt in said["doubts"] if doubt["patient"] == "p099"} >= {
        f"same PatientID as {twins[0]['patient']}"
    }


def test_the_same_study_under_two_numbers_is_told(run: Run, tree: Path) -> None:
    made = series("1")
    write(made, tree / "1")
    for d in made:
        d.PatientID, d.PatientName = "2", "X^Y"
    write(made, tree / "2")
    _, said, _ = run()
    assert {re.sub(r" p\d+", "", doubt["what"]) for doubt in said["doubts"]} == {"same study as", "same series as"}
    assert said["patients"] == 2


def test_studies_of_one_patient_are_time_points_or_cases(run: Run, tree: Path, out: Path) -> None:
    for number, date in enumerate(("20230301", "20230104", "20230705"), 1):
        made = series("1", "arterial", date=date, Modality="MR", ImageType=["ORIGINAL", "PRIMARY"])
        for d in made:
            d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
        write(made, tree / str(number))
    run("ablation-recurrence")
    table = rows(out)
    assert [(row["study"], row["days"], row["role"], row["case_id"]) for row in table] == [
        ("1", "0", "pre/arterial", "p001"),
        ("2", "56", "post/arterial", "p001"),
        ("3", "182", "", "p001"),
    ]
    assert "study 3 of 3: its time point is not known" in table[2]["why"]


def test_of_several_series_of_one_phase_one_is_proposed(run: Run, tree: Path, out: Path) -> None:
    study = generate_uid()
    write(series(study=study, number=2, description="art cor MPR"), tree / "2")
    write(series(study=study, number=3, description="arterial"), tree / "3")
    write(series(study=study, number=5, description="early arterial"), tree / "5")
    write(series(study=study, number=6, description="arterial", ImageType=["DERIVED", "PRIMARY"]), tree / "6")
    _, said, _ = run()
    assert said["proposed"] == 1
    by_number = {row["series"]: row for row in rows(out)}
    assert by_number["3"]["role"] == "pre/arterial"
    assert "series 3 fits pre/arterial better" in by_number["5"]["why"]
    assert "series 3 fits pre/arterial better" in by_number["6"]["why"]


def test_a_file_that_is_there_is_never_written_over(run: Run, tree: Path, out: Path) -> None:
    three_phases(tree)
    run()
    place = out / "cases" / "p001-1" / "pre" / "arterial.nrrd"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"mine")
    status, said, complained = run()
    assert status == 1
    assert place.read_bytes() == b"mine"
    assert said["written"][0]["fault"]
    assert not (out / "cohort.csv").exists()
    place.unlink()
    assert run()[0] == 0
    changed = rows(out)
    for row in changed:
        row["role"] = "pre/arterial" if "portal" in row["phase"] else ""
    save_as_excel(out, changed)
    status, _, complained = run()
    assert status == 2
    assert "was made of s-" in complained


def test_a_pass_that_was_interrupted_goes_on(run: Run, tree: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import HCCAssistLib.importing.scanning as scanning
    import HCCAssistLib.importing.volumes as volumes

    for number in range(3):
        three_phases(tree / str(number), f"PID-{number}")
    looked, real_look, real_write = [], scanning.look, volumes.write_image

    def stopped_look(job: object) -> object:
        if len(looked) == 4:
            raise KeyboardInterrupt
        looked.append(job)
        return real_look(job)

    monkeypatch.setattr(scanning, "look", stopped_look)
    assert run()[0] == 1
    assert not (out / "roles.csv").exists()
    with out.with_name("cohort.found.jsonl").open("ab") as file:
        file.write(b'{"portion": "cut sho')
    monkeypatch.setattr(scanning, "look", real_look)
    status, said, _ = run()
    assert (status, said["files"], said["read_now"]) == (0, 99, 55)

    def stopped_write(image: object, path: Path) -> None:
        if "p002" in str(path):
            raise KeyboardInterrupt
        real_write(image, path)

    monkeypatch.setattr(volumes, "write_image", stopped_write)
    assert run()[0] == 1
    monkeypatch.setattr(volumes, "write_image", real_write)
    status, said, _ = run()
    assert (status, said["kept"], len(said["written"]), said["cases"]) == (0, 1, 2, 3)
    assert [case.case_id for case in read_cohort(out).cases] == ["p001-1", "p002-1", "p003-1"]


def test_what_came_later_is_added_and_all_else_stays(run: Run, tree: Path, out: Path) -> None:
    three_phases(tree / "a")
    run()
    changed = [row for row in rows(out) if row["role"]]  # a person deleted the others
    changed[0]["why"] = "seen by me"
    save_as_excel(out, changed)
    run()
    with (out / "cohort.csv").open("r+", encoding="utf-8-sig") as file:
        text = file.read()
    (out / "cohort.csv").write_text(text.replace("p001-1,p001,,", "p001-1,p001,train,"), encoding="utf-8-sig")
    three_phases(tree / "a0", "PID-1", "20220101")
    three_phases(tree / "b", "PID-2")
    status, said, _ = run()
    assert (status, said["pass"], said["rows"]) == (0, "roles", 6)
    table = rows_of_excel(out)
    assert (len(table), table[0]["why"]) == (7, "seen by me")
    earlier = [row for row in table if row["days"] == "-368"]
    assert [row["study"] for row in earlier] == ["2", "2", "2"]
    status, said, _ = run()
    assert (status, said["pass"], said["new_cases"], said["kept"]) == (0, "cohort", 1, 1)
    assert [case.split for case in read_cohort(out).cases] == ["train", ""]


def rows_of_excel(out: Path) -> Rows:
    with (out / "roles.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def test_a_changed_archive_and_a_lost_key_are_told(run: Run, tree: Path, out: Path) -> None:
    three_phases(tree)
    run()
    key = out.with_name("cohort.key.csv")
    key.rename(out.with_name("elsewhere"))
    status, _, complained = run()
    assert (status, "the key cohort.key.csv is not beside the cohort" in complained) == (2, True)
    out.with_name("elsewhere").rename(key)
    (arterial,) = (row for row in rows(out) if row["role"])
    (tree / arterial["series"] / "010.dcm").unlink()
    status, said, _ = run()
    assert (status, said["pass"], said["rows"]) == (0, "roles", 1)  # another series now
    status, _, complained = run()
    assert status == 2
    assert f"there is no series '{arterial['series_id']}' (any more)" in complained


def test_the_cohort_does_not_lie_in_the_archive(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    three_phases(tree)
    assert main(["import-cohort", "dicom", str(tree), str(tree / "cohort"), "--recipe", "ltp"]) == 2
    assert "mixed with what is read" in capsys.readouterr().err


def test_a_pseudonym_with_a_part_of_the_name_is_refused(run: Run, tree: Path, out: Path) -> None:
    write(series(PatientName="Muster^Maria"), tree)
    run()
    (row,) = rows(out)
    row["case_id"] = "muster-1"
    save_as_excel(out, [row])
    status, said, _ = run()
    assert status == 1
    assert "holds a part of the patient's name" in said["written"][0]["fault"]
    assert (said["cases"], said["patients_in_cohort"], said["new_cases"]) == (0, 0, 0)
    assert not (out / "cases").exists()


def test_several_processes_find_the_same(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(2):
        three_phases(tree / str(number), f"PID-{number}")
    for name, workers in (("one", 1), ("two", 2)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("os.cpu_count", lambda workers=workers: workers)
            for _ in range(2):
                assert main(["import-cohort", "dicom", str(tree), str(tmp_path / name), "--recipe", "ltp"]) == 0
    capsys.readouterr()
    one, two = (files_below(tmp_path / name) for name in ("one", "two"))
    assert sorted(one) == sorted(two)
    assert [one[name] for name in sorted(one) if name.endswith(".nrrd")] == [
        two[name] for name in sorted(two) if name.endswith(".nrrd")
    ]


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("Arterial LIVER 3.0 mm, Maria Muster *12.05.1960", "arterial liver 3.0 mm ?"),
        ("P.Venous 3.0 B40f", "p venous ?"),
        ("180 sec Delay", "180 sec delay"),
        ("4711 w/o", "? w ?"),
        ("t1_vibe_fs_tra_post", "t1 vibe fs tra post"),
        ("", ""),
    ],
)
def test_of_a_description_only_known_words_are_shown(text: str, known: str) -> None:
    assert known_words(text) == known


def pages_free(disk: Path) -> int:
    return shutil.disk_usage(disk).free // 4096


def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if not sys.platform.startswith("linux") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("SKIPPED: no small disk can be mounted here (Linux and root are needed)")
    try:
        three_phases(tree)
        command = ["import-cohort", "dicom", str(tree), str(disk / "out"), "--recipe", "ltp"]
        filler, statuses = disk / "filler", []
        while statuses[-2:] != [0, 0]:  # both passes
            filler.write_bytes(bytes(4096 * max(0, pages_free(disk) - len(statuses) // 2)))
            statuses.append(main(command))
            lines = [line for line in capsys.readouterr().err.splitlines() if "%" not in line]
            assert statuses[-1] == 0 or ["the disk is full" in line for line in lines] == [True]
            filler.unlink()
        assert statuses[:2] == [1, 1]
        assert len(statuses) < 40
        assert len(list((disk / "out").rglob("*.nrrd"))) == 1
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_what_a_person_reads(tree: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(series("7", IssuerOfPatientID="A"), tree / "a")
    write(series("7", IssuerOfPatientID="B", PatientName="Z"), tree / "b")
    (tree / "notes.txt").write_text("x")
    (tree / "more.zip").write_bytes(b"PK")
    out = out.with_name("my cohort")
    command = ["import-cohort", "dicom", str(tree), str(out), "--recipe", "hepatectomy-recurrence"]
    assert main(command) == 0
    said, complained = capsys.readouterr()
    assert "24 files: 22 slices of 2 CT and MR series (2 can be read) in 2 studies of 2 patients" in said
    assert "left out: 2 files without DICOM" in said
    assert "warning: 1 archive (.zip or the like) not opened" in complained
    assert "never pass them on with the cohort" in said
    assert "warning: p001: same PatientID, of another issuer, as p002." in complained
    assert main(command) == 0
    said, complained = capsys.readouterr()
    assert "2 volumes written, 0 kept from before, 0 failed." in said
    assert f"run: hccassist check '{out}' --recipe hepatectomy-recurrence\n" in said
    assert "warning: p001: same PatientID, of another issuer, as p002." in complained
    assert main(["check", str(out), "--recipe", "hepatectomy-recurrence", "--json"]) == 2
    found = {problem["what"] for problem in json.loads(capsys.readouterr().out)["problems"]}
    assert found >= {"there is no pre/tumour"}
    assert not any("arterial" in what for what in found)


def test_a_second_export_may_lie_elsewhere_and_the_first_one_be_gone(run: Run, tree: Path, out: Path) -> None:
    write(series("1", PatientName="Some^One"), tree)
    run()
    run()
    shutil.rmtree(tree)
    write(series("2", PatientName="Some^One", description="arterial"), tree)
    status, said, _ = run()
    assert (status, said["pass"], said["rows"]) == (0, "roles", 1)
    assert {doubt["what"][:28] for doubt in said["doubts"]} == {"same name and birth date as "}
    status, said, _ = run()
    assert (status, said["kept"], said["cases"], said["new_cases"]) == (0, 1, 2, 1)
    next((out / "cases" / "p001-1").rglob("*.nrrd")).unlink()
    status, _, complained = run()
    assert status == 2
    assert "the archive no longer holds the series of pre/arterial of case p001-1" in complained


def test_voxels_tell_a_phase_that_no_header_names_and_contradict_one_that_is_wrong(
    run: Run, tree: Path, out: Path
) -> None:
    study = generate_uid()
    for number, levels in enumerate((UNENHANCED, ARTERIAL, PORTAL), 2):
        write(showing(abdomen(levels), description="B40f", study=study, number=number), tree / str(number))
    write(showing(abdomen(PORTAL), patient="PID-2", description="arterial"), tree / "wrong")
    run("hepatectomy-recurrence")
    assert {row["role"] for row in rows(out) if row["description"] == "?"} == {""}
    (out / "roles.csv").unlink()
    status, said, _ = run("hepatectomy-recurrence", "--voxels")
    assert (status, said["read_now"]) == (0, 0)
    by_number = {row["series"]: row for row in rows(out) if row["description"] == "?"}
    assert {number: row["role"] for number, row in by_number.items()} == {"2": "", "3": "pre/arterial", "4": ""}
    assert by_number["3"]["why"].startswith("voxels: arterial, ")
    assert "portal venous or delayed: choose which" in by_number["4"]["why"]
    status, said, _ = run()
    assert status == 0
    warned = {one["case_id"]: one["warnings"] for one in said["written"]}
    wrong = next(row["case_id"] for row in rows(out) if row["description"] == "arterial")
    assert [warned.pop(wrong)[0][:37], *warned.values()] == ["its voxels look portal or later: the ", []]


@pytest.mark.shared
def test_a_patient_of_a_public_collection_comes_out_as_itk_reads_it(run: Run, tree: Path, out: Path) -> None:
    packed = Path(__file__).resolve().parents[3] / "shared" / "data" / "crlm_ct_1004" / "CRLM-CT-1004.zip"
    if not packed.exists():
        pytest.skip("SKIPPED: the folder ../shared with the real images is not here")
    zipfile.ZipFile(packed).extractall(tree)
    run("hepatectomy-recurrence", "--voxels")
    (row,) = rows(out)
    assert row["why"].startswith("voxels: portal or later, ")
    row["role"] = "pre/portal"
    save_as_excel(out, [row])
    assert run()[0] == 0
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tree / "CRLM-CT-1004" / "image")))
    there, here = reader.Execute(), sitk.ReadImage(str(out / "cases" / "p001-1" / "pre" / "portal.nrrd"))
    for one in ("GetSize", "GetOrigin", "GetSpacing", "GetDirection"):
        assert np.allclose(getattr(here, one)(), getattr(there, one)())
    padding = -1024
    truth = np.maximum(sitk.GetArrayFromImage(there), padding)
    assert np.array_equal(sitk.GetArrayFromImage(here), truth)


def test_a_patient_who_was_captured_before_is_no_second_patient(
    run: Run, tree: Path, out: Path, own_data: Path
) -> None:
    write(series("1"), tree / "a")
    run()
    run()
    put_row(out / "cohort.csv", "case_id", {"case_id": "case-001", "patient_id": "patient-001"})
    KnownPatients(own_data).remember(out, "case-001", "2")
    write(series("2", PatientName="Z"), tree / "b")
    assert run()[1]["rows"] == 1
    status, _, complained = run()
    assert status == 2
    assert "case p002-1 is of p002 here, and its patient is patient-001 in cohort.csv" in complained
    changed = rows(out)
    changed[-1]["patient"] = "patient-001"
    save_as_excel(out, changed)
    assert run()[0] == 0
    assert [case.patient_id for case in read_cohort(out).cases] == ["p001", "patient-001", "patient-001"]
