"""Scans that a model was trained on are refused, whichever of several models it is and whatever the others see."""

from pathlib import Path

import mass_toy
import pytest

from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.training.unseen import refuse_trained_on


def test_each_model_is_asked_about_the_phases_that_it_sees(tmp_path: Path) -> None:
    cohort = read_cohort(mass_toy.write_toy_cohort(tmp_path / "cohort", ["test"]))
    case = cohort.cases[0]
    digest = read_image(case.folder / "baseline" / "delayed.nrrd").digest()
    control = mass_toy.model(tmp_path / "control", phases="arterial").package
    trained_on_it = mass_toy.model(tmp_path / "other", phases="delayed", training={"image_digests": [digest]}).package
    refuse_trained_on(cohort.cases, {"control": control})
    for packages in ({"control": control, "other": trained_on_it}, {"other": trained_on_it, "control": control}):
        with pytest.raises(InputError, match="trained on this image") as refused:
            refuse_trained_on(cohort.cases, packages)
        assert [problem.where for problem in refused.value.problems] == [f"model other, case {case.case_id}"]
