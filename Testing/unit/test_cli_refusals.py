"""What can be refused is refused before the work: at once, in one line, with nothing written and no torch imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from ltp_blob import blob_image, blob_model, straight_grid

from HCCAssistLib.cli.demo_training import SEED
from HCCAssistLib.cli.main import COMMANDS, main, parser
from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort, write_cohort_table
from HCCAssistLib.cohort.splits import split_patients
from HCCAssistLib.cohort.strata import strata
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.phantoms.ltp.cases import shows_ltp
from HCCAssistLib.phantoms.ltp.demo import DEMO
from HCCAssistLib.recipes.ltp.recipe import LTP
from HCCAssistLib.recipes.registry import cohort_spec

SPLITS = ("train", "train", "validation", "validation")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what command lines can name, good and bad; its images are never read."""
    place = tmp_path_factory.mktemp("place")
    blob_model(place)
    write_image(blob_image(straight_grid()), place / "scan.nii.gz")
    (place / "damaged.nii.gz").write_bytes(b"damaged")
    (place / "file").write_text("text")
    (place / "full").mkdir()
    (place / "full" / "file").write_text("text")
    (place / "empty").mkdir()
    (place / "bad-model").mkdir()
    (place / "bad-model" / "model.json").write_text("{")
    for name, splits in (("cohort", SPLITS), ("no-validation", ("train",) * 4)):
        (place / name / "cases" / "c0" / "post").mkdir(parents=True)
        write_cohort_table(
            place / name,
            [{"case_id": f"c{n}", "patient_id": n, "split": split, "ltp": n % 2} for n, split in enumerate(splits)],
        )
    (place / "bad-table").mkdir()
    (place / "bad-table" / "cohort.csv").write_text("patient,ltp\n1,1\n")
    return place


PREDICT = ("predict", "scan.nii.gz", "--model", "blobs", "--out")
TRAIN = ("train", "cohort", "--recipe", "ltp", "--out")
REFUSALS = [
    (("predict", "nowhere.nrrd", "--model", "blobs", "--out", "new"), "no such file"),
    (("predict", "file", "--model", "blobs", "--out", "new"), "not a volume"),
    (("predict", "empty", "--model", "blobs", "--out", "new"), "neither a cohort"),
    (("predict", "bad-table", "--model", "blobs", "--out", "new"), "no column 'case_id'"),
    (("predict", "damaged.nii.gz", "--model", "blobs", "--out", "new"), "not a NIfTI file"),
    (("predict", "scan.nii.gz", "--model", "bad-model", "--out", "new"), "model.json is damaged"),
    (("predict", "scan.nii.gz", "--model", "nowhere", "--out", "new"), "no model named"),
    ((*PREDICT, "file"), "a file, not a folder"),
    ((*PREDICT, "file/new"), "nothing can be written there"),
    ((*PREDICT, "full"), "something already"),
    ((*PREDICT, "full/../full/."), "something already"),
    ((*PREDICT, ""), "no folder is named"),
    ((*PREDICT, "/"), "something already"),
    ((*PREDICT, "blobs/new"), "mixed with what is read"),
    (("predict", "cohort", "--model", "blobs", "--out", "cohort/cases/new"), "mixed with what is read"),
    (("predict", "cohort/cases/c0", "--model", "blobs", "--out", "cohort/cases/c0/new"), "mixed with what is read"),
    ((*PREDICT, "new", "--device", "gpu"), "has no device 'gpu'"),
    ((*PREDICT, "new", "--set", "speed=9"), "Its options are stride,"),
    ((*PREDICT, "new", "--set", "stride=fast", "--set", "stride = fine"), "stride is given twice"),
    ((*PREDICT, "new", "--set", "ring_mm=wide"), "not a number"),
    ((*PREDICT, "new", "--out", "newer"), "given twice"),
    ((*PREDICT, "new", "--dev", "cpu"), "unrecognized arguments"),
    ((*TRAIN, "my model"), "not a safe name"),
    ((*TRAIN, "módel"), "not a safe name"),
    ((*TRAIN, "full"), "something already"),
    ((*TRAIN, "cohort/cases/c0/model"), "mixed with what is read"),
    ((*TRAIN, "new", "--seed", "-1"), "-1 is not possible"),
    ((*TRAIN, "new", "--seed", str(2**70)), "is not possible"),
    ((*TRAIN, "new", "--seed", "one"), "invalid int value"),
    ((*TRAIN, "new", "--folds", "3"), "do not fill 3 folds"),
    ((*TRAIN, "new", "--set", "epochs=0"), "outside 1 to 1000"),
    ((*TRAIN, "new", "--set", "epochs=2.5"), "not a whole number"),
    ((*TRAIN, "new", "--set", "epoch=2"), "has no option epoch"),
    (("train", "no-validation", "--recipe", "ltp", "--out", "new"), "no case for validation is positive"),
    (("train", "bad-table", "--recipe", "ltp", "--out", "new"), "no column 'case_id'"),
    (("phantom", "ltp", "full", "--cases", "4"), "something already"),
    (("phantom", "ltp", "new", "--cases", "1000000000"), "cannot be made"),
    (("phantom", "ltp", "new", "--cases", "4", "--seed", "-1"), "-1 is not possible"),
    (("phantom", "ltp", "new", "--cases", "4", "--background", "damaged.nii.gz"), "not a NIfTI file"),
    (("phantom", "ltp", "new", "--cases", "4", "--unseen"), "no lesions of unseen kinds"),
    (("demo", "--out", "full"), "something already"),
    (("demo", "--out", "new", "--cases", "20"), "Add --train"),
    (("demo", "--train", "--out", "new", "--cases", "2"), "Give 6 to"),
    (("demo", "--train", "--out", "new", "--epochs", "0"), "0 is not possible"),
    (("demo-model", "ltp", "--out", "full"), "something already"),
    (("demo", "--out", "new", "--background", "nowhere.nii"), "no such file"),
    (("demo", "--out", "new", "--background", "scan.nii.gz"), "not a CT"),
    (("demo", "--recipe", "liver-mass", "--out", "new", "--background", "scan.nii.gz"), "a real CT is one phase"),
    (("phantom", "liver-mass", "new", "--cases", "4", "--background", "scan.nii.gz"), "a real CT is one phase"),
    (("models", "list", "blobs"), "takes no name"),
    (("models", "list", "--store", "file"), "not a folder of models"),
    (("models", "install", "file"), "cannot be read"),
    ((), "required: COMMAND"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSALS)
def test_a_command_line_that_cannot_work_is_refused_in_one_line(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple, words: str
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("HCCASSIST_MODELS", str(place / "store"))
    before = sorted(place.rglob("*"))
    assert main(list(arguments)) == 2
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if not line.startswith("predict: ")]
    assert len(lines) == 1, lines
    assert words in lines[0]
    assert str(place) not in lines[0]
    assert out == ""
    assert sorted(place.rglob("*")) == before


def test_refusals_take_no_time_and_no_torch(place: Path) -> None:
    """Each in a process would be the honest measure and take a minute; so all in one, without a background's liver."""
    lines = [list(arguments) for arguments, _ in REFUSALS if "--background" not in arguments]
    code = (
        "import sys, time\n"
        "from HCCAssistLib.cli.main import main\n"
        f"for line in {lines!r}:\n"
        "    began = time.process_time()\n"
        "    assert main(line) == 2, line\n"
        "    assert time.process_time() - began < 1.0, (line, time.process_time() - began)\n"
        "print([name for name in ('torch', 'sklearn', 'matplotlib', 'pandas') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=place,
        env={**os.environ, "HCCASSIST_MODELS": str(place / "store")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == "[]", done.stderr[-2000:]


def test_a_card_that_is_not_there_is_refused_before_torch_is_asked(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setattr("HCCAssistLib.cli.checks.DRIVERS", ("no-such-driver.so",))
    monkeypatch.setattr("HCCAssistLib.inference.loaded_model.choose_device", None)
    assert main(["predict", "scan.nii.gz", "--model", "blobs", "--out", "new", "--device", "cuda"]) == 2
    assert "this computer has no device 'cuda'. Use cpu" in capsys.readouterr().err


def test_a_card_of_a_cluster_need_not_be_here(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setattr("HCCAssistLib.cli.checks.DRIVERS", ("no-such-driver.so",))
    train = ["train", "no-cohort", "--recipe", "ltp", "--out", "new", "--device", "cuda"]
    assert main([*train, "--engine", "slurm", "--profile", "nowhere"]) == 2
    assert "no device" not in (said := capsys.readouterr().err) and said
    assert main(train) == 2
    assert "this computer has no device 'cuda'" in capsys.readouterr().err


def test_a_demo_of_another_size_is_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo" / "ltp-trained" / "cohort").mkdir(parents=True)
    write_cohort_table(tmp_path / "demo" / "ltp-trained" / "cohort", [{"case_id": f"c{n}"} for n in range(7)])
    assert main(["demo", "--train", "--cases", "8"]) == 2
    assert "a demo of 7 cases, not of 8" in capsys.readouterr().err


@pytest.mark.parametrize("cases", [DEMO.least_cases, DEMO.least_cases + 1, 14, 60])
def test_the_smallest_demo_has_both_classes_in_every_part(cases: int) -> None:
    labels = {f"ltp-{number + 1:04d}": str(int(shows_ltp(SEED, number))) for number in range(cases)}
    cohort = Cohort(None, tuple(Case(name, name, "", {"ltp": ltp}, Path("x")) for name, ltp in labels.items()))
    splits = split_patients(cohort, strata(cohort, cohort_spec(LTP)), fractions=LTP.split, seed=SEED)
    assert len(Counter((splits[name], label) for name, label in labels.items())) == 6


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    from HCCAssistLib.cli.console import say_json

    say_json({"a": [float("nan"), (1.5, float("inf"))], "b": {"c": float("-inf")}})
    assert json.loads(capsys.readouterr().out) == {"a": [None, [1.5, None]], "b": {"c": None}}


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end in another way there")
def test_whoever_stops_listening_hears_no_complaint() -> None:
    command = f'{sys.executable} -m HCCAssistLib.cli.main recipes --json | head -c 5; echo " ${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert (done.stdout.split()[-1], done.stderr) == ("0", "")


@pytest.mark.skipif(sys.platform == "win32", reason="no such terminal")
def test_a_message_on_a_terminal_is_not_glued_to_the_progress() -> None:
    import pty

    code = (
        "from HCCAssistLib.cli.console import Progress, say, warn\n"
        "from HCCAssistLib.errors import Problem\n"
        "progress = Progress('train')\n"
        "progress('epoch 1 ' + 200 * '.', 0.5)\n"
        "warn([Problem('WARN', 'beware')])\n"
        "progress.said = 0\n"
        "progress('epoch 2', 0.6)\n"
        "say('a result')\n"
    )
    reader, writer = pty.openpty()
    try:
        subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=writer, check=True, timeout=60)
        shown = os.read(reader, 10_000).decode()
    finally:
        os.close(reader)
        os.close(writer)
    rows = [row.rsplit("\x1b[K", 1)[-1] for row in shown.split("\r\n")]
    assert rows == ["warning: beware.", "a result", ""]
    assert all(len(piece) < 80 for piece in shown.replace("\x1b[K", "").split("\r"))


def test_a_damaged_volume_is_refused_without_what_it_does_not_need(place: Path) -> None:
    """Neither other subcommands nor a library that only a good volume needs are imported."""
    code = (
        "import sys\n"
        "from HCCAssistLib.cli.main import main\n"
        "assert main(['predict', 'damaged.nii.gz', '--model', 'blobs', '--out', 'new']) != 0\n"
        "heavy = ('torch', 'scipy', 'pydicom', 'HCCAssistLib.cli.train', 'HCCAssistLib.jobs')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    environment = {**os.environ, "HCCASSIST_MODELS": str(place / "store")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=place, env=environment, capture_output=True, text=True, timeout=120
    )
    assert "the file is" in done.stderr
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr[-2000:]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_subcommand_is_found_by_its_own_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser([name.replace("_", "-")]).parse_args([name.replace("_", "-"), "--help"])
    assert capsys.readouterr().out.startswith(f"usage: hccassist {name.replace('_', '-')}")
