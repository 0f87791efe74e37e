"""From a cohort to a TACE model and back: with an installed backbone, and with the network that stands in."""

from pathlib import Path

import pytest
from tace_toy import SHA, install, write_toy_cohort

from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.inference.loaded_model import load_model
from HCCAssistLib.inference.study import read_study
from HCCAssistLib.models.backbones.store import Backbone
from HCCAssistLib.models.backbones.variant import KERAS, TORCHVISION
from HCCAssistLib.models.backbones.weights import Description
from HCCAssistLib.models.caveats import model_warnings
from HCCAssistLib.models.package import ModelPackage
from HCCAssistLib.recipes.tace import bodies
from HCCAssistLib.recipes.tace.bodies import STANDS_IN, settled_body
from HCCAssistLib.recipes.tace.prediction import predict
from HCCAssistLib.recipes.tace.recipe import TACE
from HCCAssistLib.training.job import Job
from HCCAssistLib.training.run import train

pytestmark = pytest.mark.heavy

SPLITS = ["train"] * 8 + ["validation"] * 4


def entry(name: str, sha256: str, *, of_paper: bool = True) -> Backbone:
    """What the store tells of one backbone."""
    return Backbone(Path(f"{name}.safetensors"), sha256, Description(name, KERAS if of_paper else TORCHVISION, "", ""))


def installed(*names: str) -> tuple[Backbone, ...]:
    """Of several; the first has the digest that the tests know."""
    digests = [SHA, *(f"{number}" * 64 for number in range(1, len(names)))]
    return tuple(entry(name, sha) for name, sha in zip(names, digests, strict=True))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_cohort(tmp_path_factory.mktemp("cohort"), SPLITS)


def train_on(folder: Path, out: Path, **options: object) -> ModelPackage:
    chosen = TACE.resolve({"epochs": 2, "batch": 8, **options})  # type: ignore[arg-type]
    package, _ = train(read_cohort(folder, tolerant=True), Job(TACE, chosen, out, "toy"))
    return package


def test_behind_an_installed_backbone_a_model_holds_8196_weights_and_refers_to_the_backbone(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch)
    monkeypatch.setattr(bodies, "installed", lambda: installed("imagenet"))
    package = train_on(cohort, tmp_path / "model", epochs=20)
    card = package.card
    assert card.options["body"] == "resnet50" and card.options["backbone"] == SHA
    assert card.training["learning_weights"] == 8196 and card.training["caveats"] == []
    assert card.training["seen"]["slice_mm"] == [4.0, 4.0]
    assert card.training["samples_per_class"]["train"] == dict.fromkeys(("CR", "PR", "SD", "PD"), 6)
    assert sum(file.stat().st_size for file in package.folder.iterdir()) < 100_000
    assert STANDS_IN not in [warning.what for warning in model_warnings(card)]
    case = read_cohort(cohort).cases[8]
    result = predict(read_study(case, TACE, options=card.options), load_model(package), {})
    (finding,) = result.findings
    assert finding.label == "T1" and result.patient is not None
    assert sum(result.patient.values()) == pytest.approx(1)


def test_without_a_backbone_the_small_network_is_trained_and_the_card_says_so(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch)
    monkeypatch.setattr(bodies, "installed", tuple)
    package = train_on(cohort, tmp_path / "model")
    assert package.card.options["body"] == "small" and package.card.options["backbone"] == ""
    assert package.card.training["learning_weights"] == 116_564
    synthetic, stands_in, chance = (warning.what for warning in model_warnings(package.card))
    assert "synthetic cases only" in synthetic and stands_in == STANDS_IN
    assert "could not be told from chance: accuracy" in chance  # after two epochs on 24 patches
    case = read_cohort(cohort).cases[8]
    result = predict(read_study(case, TACE, options=package.card.options), load_model(package), {})
    assert STANDS_IN in "\n".join(map(str, result.warnings))


def test_the_installed_backbone_is_taken_and_another_one_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "installed", lambda: installed("imagenet", "another"))
    default = TACE.resolve({})
    assert settled_body(default) == {"body": "resnet50", "backbone": "1" * 64}, "the first by name"
    for wanted in (SHA, SHA[:8], "imagenet"):
        assert settled_body({**default, "backbone": wanted})["backbone"] == SHA
    assert settled_body({**default, "body": "small"}) == {"body": "small", "backbone": ""}
    with pytest.raises(InputError, match="no installed backbone 'radimagenet'"):
        settled_body({**default, "backbone": "radimagenet"})
    newer = (entry("a-newer-kind", SHA, of_paper=False), entry("of-the-paper", "2" * 64))
    monkeypatch.setattr(bodies, "installed", lambda: newer)
    assert settled_body(default)["backbone"] == "2" * 64


def test_a_backbone_that_is_missing_is_asked_for_by_its_name(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as there:
        install(there)
        there.setattr(bodies, "installed", lambda: installed("imagenet"))
        package = train_on(cohort, tmp_path / "model")
    assert package.card.input["backbone"] == {"name": "imagenet", "sha256": SHA}
    monkeypatch.setattr(bodies, "installed", lambda: installed("another")[1:])
    study = read_study(read_cohort(cohort).cases[8], TACE, options=package.card.options)
    with pytest.raises(InputError, match=f"needs the backbone 'imagenet' with the sha256 {SHA}, which is not") as told:
        predict(study, load_model(package), {})
    assert told.value.problems[0].where == "model toy"
