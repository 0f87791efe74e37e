"""A writer that is killed leaves a case as it was or as it was to be, never a mixture; two writers lose no row."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from HCCAssistLib.cohort.additions import finish_interrupted, put_case
from HCCAssistLib.cohort.case_content import case_files
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.cohort.revisions import Changes, keep_revision, revisions_of
from HCCAssistLib.cohort.table_checks import check_table
from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.recipes.registry import cohort_spec, get_recipe

pytestmark = pytest.mark.heavy

GRID = Geometry.from_parts((12, 60, 60), (1.0, 1.0, 1.0))

WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_cohort_interrupted import files_of
from HCCAssistLib.cohort.additions import put_case
print("ready", flush=True)
for number in range(1, 10_000):
    name = f"case-{number % 5}"
    put_case(Path(sys.argv[1]), name, files_of(number), {"response": str(number)}, replace=True)
"""


def files_of(number: int):
    """Two volumes of one value, which is the number."""
    image = Image(np.full(GRID.shape, number, np.int16), GRID, "scan")
    return case_files(
        volumes={"pre/arterial": image, "post/arterial": image}, points={}, masks={}, segments={}, transforms={}
    )


def test_a_killed_writer_leaves_every_case_whole_and_as_its_row_says(tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    seen: set[str] = set()
    for attempt in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(cohort), str(Path(__file__).parent)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        time.sleep(0.15 + 0.037 * attempt)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        if not (cohort / "cases").is_dir():
            continue
        finish_interrupted(cohort)
        for case in read_cohort(cohort).cases:
            values = {
                int(read_image(case.folder / time_point / "arterial.nrrd").array.flat[0])
                for time_point in ("pre", "post")
            }
            assert values == {int(case.values["response"])}, case.case_id
            seen.add(case.case_id)
        rows = {case.case_id for case in read_cohort(cohort).cases}
        folders = {path.name for path in (cohort / "cases").iterdir() if not path.name.endswith(".part")}
        assert folders == rows
    assert seen, "no case was ever written, so this says nothing"


def test_two_who_add_cases_at_once_lose_no_row(tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    put_case(cohort, "first", files_of(0), {"response": "CR"})

    def add(name: str) -> str:
        for _ in range(200):
            try:
                put_case(cohort, name, files_of(1), {"response": "PR"})
                return name
            except HCCAssistError as error:
                assert "Somebody else is writing" in str(error)
                time.sleep(0.01)
        raise AssertionError("nobody let it in")

    with ThreadPoolExecutor(4) as threads:
        names = set(threads.map(add, [f"case-{n}" for n in range(8)]))
    assert {case.case_id for case in read_cohort(cohort).cases} == {"first", *names}


def test_a_cohort_that_cannot_be_locked_says_so(tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    put_case(cohort, "first", files_of(0), {"response": "CR"})
    (cohort / ".writing").mkdir()
    with pytest.raises(HCCAssistError, match="could not be written"):
        put_case(cohort, "second", files_of(1), {"response": "CR"})


def test_the_row_of_a_folder_that_was_not_finished_is_not_written(tmp_path: Path) -> None:
    put_case(tmp_path / "cohort", "case-4", files_of(24), {"response": "24"})
    part = tmp_path / "cohort" / "cases" / "case-4.99999.part"  # of a writer that was killed just before it was renamed
    part.mkdir()
    (part / ".row.json").write_text('{"case_id": "case-4", "response": "29"}')
    finish_interrupted(tmp_path / "cohort")
    put_case(tmp_path / "cohort", "case-3", files_of(3), {"response": "3"})
    assert [case.values["response"] for case in read_cohort(tmp_path / "cohort").cases] == ["24", "3"]


@pytest.mark.parametrize("new_is_there", [True, False])
def test_a_case_whose_writer_was_killed_between_two_renames_is_not_lost(tmp_path: Path, new_is_there: bool) -> None:
    cohort, cases = tmp_path / "cohort", tmp_path / "cohort" / "cases"
    put_case(cohort, "case-4.b", files_of(24), {"response": "24"})
    put_case(tmp_path / "other", "case-4.b", files_of(29), {"response": "29"})
    (cases / "case-4.b").rename(cases / "case-4.b.99999.old.part")
    if new_is_there:
        new = (tmp_path / "other" / "cases" / "case-4.b").rename(cases / "case-4.b.99999.part")
        (new / ".row.json").write_text('{"case_id": "case-4.b", "response": "29"}')
    finish_interrupted(cohort)
    (case,) = read_cohort(cohort).cases
    assert case.values["response"] == ("29" if new_is_there else "24")
    assert int(read_image(case.folder / "pre" / "arterial.nrrd").array.flat[0]) == int(case.values["response"])


def test_what_a_killed_writer_left_is_neither_a_revision_nor_a_folder_without_a_row(tmp_path: Path) -> None:
    put_case(tmp_path / "cohort", "case-4", files_of(24), {"response": "24"})
    (case,) = read_cohort(tmp_path / "cohort").cases
    keep_revision(tmp_path / "cohort", case, Changes(), "anna")
    left = tmp_path / "cohort" / "revisions" / "case-4" / "002.99999.part"
    left.mkdir()
    (left / "revision.json").write_text("{}")
    assert [one["number"] for one in revisions_of(tmp_path / "cohort", "case-4")] == [1]
    (tmp_path / "cohort" / "cases" / "case-5.99999.part").mkdir()
    problems = check_table(read_cohort(tmp_path / "cohort"), cohort_spec(get_recipe("tace-response")))
    assert not [str(one) for one in problems if "part" in str(one)]
