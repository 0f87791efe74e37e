"""``hccassist check`` finds the registrations that fail before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ablation_toy import VALUES, phase, segment
from registration_phantoms import SMALL, patient

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.cohort import write_cohort_table
from HCCAssistLib.cohort.segments import write_segments
from HCCAssistLib.cohort.transform_files import write_transform
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.recipes.ablation.recipe import PHASES

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The portal phase of both cases is of another patient; for one of them a person gives a transform."""
    folder = tmp_path_factory.mktemp("cohort")
    for number, name in enumerate(("fails", "by-hand")):
        place = folder / "cases" / name / "pre"
        place.mkdir(parents=True)
        for of in PHASES:
            image = patient(5).image("portal", SMALL, seed=9 + number) if of == "portal" else phase("pre", of)
            write_image(image.with_array((np.rint(image.array) + number).astype(np.int16), ""), place / f"{of}.nrrd")
        write_segments([segment(SMALL, name="tumour")], place / "tumour.seg.nrrd")
    write_transform(np.eye(4), folder / "cases" / "by-hand" / "pre" / "portal.tfm")
    rows = [{"case_id": name, "follow_up_months": "30", "event": "0", **VALUES} for name in ("fails", "by-hand")]
    write_cohort_table(folder, rows)
    return folder


@pytest.mark.slow
def test_the_outcome_of_every_case_is_told(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", str(cohort), "--recipe", "ablation-recurrence", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["registration"] == {"fails": "failed", "by-hand": "a person's transform"}
    (fault,) = [one for one in told["problems"] if one["leaves_out"]]
    assert "pre/portal: it could not be registered" in f"{fault['where']}: {fault['what']}"
    assert "portal.tfm" in fault["remedy"]
    assert any("given by a person" in one["what"] for one in told["problems"] if one["case_id"] == "by-hand")


def test_registrations_need_not_be_tried(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", str(cohort), "--recipe", "ablation-recurrence", "--no-register"])
    assert "registr" not in capsys.readouterr().out
