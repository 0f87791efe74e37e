"""The demonstration models: they are there, whole, small and honest, and step back for a model of one's own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from ltp_blob import blob_image, blob_network, blob_package, close_grid

from HCCAssistLib.cli.main import main
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import size_on_disk
from HCCAssistLib.inference.loaded_model import load_model
from HCCAssistLib.inference.study import Study
from HCCAssistLib.models.card import card_rows, figures
from HCCAssistLib.models.caveats import counts, is_synthetic_model
from HCCAssistLib.models.package import read_package
from HCCAssistLib.models.store import DEMONSTRATION, SHIPPED, ModelStore, find_model
from HCCAssistLib.phantoms.demo import demo_of
from HCCAssistLib.recipes.ltp.prediction import predict
from HCCAssistLib.recipes.registry import RECIPES, get_recipe
from HCCAssistLib.results.files import read_result, write_result
from HCCAssistLib.results.stamp import SYNTHETIC, SYNTHETIC_MODEL, stamp

MOST_MEGABYTES = 12

ALONG = [recipe for recipe in RECIPES if (SHIPPED / DEMONSTRATION.format(recipe=recipe)).is_dir()]


def name_of(recipe: str) -> str:
    return DEMONSTRATION.format(recipe=recipe)


def test_they_are_small_and_nothing_else_is_there() -> None:
    assert {path.name for path in SHIPPED.iterdir()} == {name_of(recipe) for recipe in ALONG}
    assert size_on_disk(SHIPPED) < MOST_MEGABYTES * 1e6


@pytest.mark.parametrize("recipe", ALONG)
def test_it_is_whole_and_its_card_says_what_it_is(recipe: str) -> None:
    package = read_package(SHIPPED / name_of(recipe), recipe=recipe)
    card, demo = package.card, demo_of(get_recipe(recipe).package)
    assert {path.name for path in package.folder.iterdir()} == {"model.json", *card.files}
    assert all(load_model(package).members)
    synthetic, patients = counts(card.training)
    assert is_synthetic_model(card) and patients == 0 and 0 < synthetic <= demo.cases == card.training["phantoms"]
    rows = dict(card_rows(card, full=True))
    beware = [text for heading, text in card_rows(card) if heading == "Beware"]
    assert any("findings say nothing about patients" in text for text in beware)
    assert f"hccassist demo-model {recipe}" in rows["Training"] and f"seed {card.training['seed']}" in rows["Training"]
    assert rows["Licence"] == "Apache-2.0"
    held_out = [line for line in figures(card) if line.startswith("held-out phantoms")]
    assert held_out and all("(95 % CI " in line and "; " in line for line in held_out), held_out


def test_it_is_offered_until_one_of_its_recipe_is_installed(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "store")
    assert store.entries() == ()
    assert {entry.name for entry in store.offered()} == {name_of(recipe) for recipe in ALONG}
    assert all(entry.comes_along and not entry.reason for entry in store.offered())
    store.install(blob_package(tmp_path, blob_network()).folder)
    offered = store.offered()
    assert (offered[0].name, offered[0].comes_along) == ("blobs", False)
    assert {entry.name for entry in offered[1:]} == {name_of(recipe) for recipe in ALONG if recipe != "ltp"}
    assert store.get(name_of("ltp")).folder == SHIPPED / name_of("ltp")  # of a result that it made before
    store.remove("blobs")
    assert len(store.offered()) == len(ALONG)


def test_it_is_found_by_name_cannot_be_removed_and_can_be_installed_like_any_other(tmp_path: Path) -> None:
    store, name = ModelStore(tmp_path / "store"), name_of("ltp")
    assert find_model(name, store, recipe="ltp").card == store.card(name)
    with pytest.raises(InputError, match="takes its place"):
        store.remove(name)
    assert not (tmp_path / "store").exists()
    store.install(SHIPPED / name)
    assert store.find(name) == tmp_path / "store" / name
    assert [(e.name, e.comes_along) for e in store.offered() if e.card and e.card.recipe == "ltp"] == [(name, False)]
    store.remove(name)
    assert store.find(name) == SHIPPED / name
    assert store.card("../odd") is None and store.card("nothing") is None


def test_the_command_lists_it_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCCASSIST_MODELS", str(tmp_path / "store"))
    assert main(["models", "list"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("no models are installed") and "come along" in said and name_of("ltp") in said
    assert main(["models", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["models"] == [] and {one["name"] for one in listed["come_along"]} == set(map(name_of, ALONG))
    assert main(["models", "remove", name_of("ltp")]) == 2


def test_a_damaged_one_is_refused(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / name_of("ltp"), tmp_path / "along" / name_of("ltp"))
    weights = tmp_path / "along" / name_of("ltp") / "weights-0.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="sha256 differs"):
        ModelStore(tmp_path / "store", tmp_path / "along").get(name_of("ltp"))


def test_every_result_and_picture_says_that_the_model_is_synthetic(tmp_path: Path) -> None:
    model = load_model(read_package(SHIPPED / name_of("ltp")))
    study = Study("case-1", {"post/arterial": blob_image(close_grid())})
    result = predict(study, model, {"stride": "fast", "heatmap": False})
    write_result(result, tmp_path)
    read = read_result(tmp_path)
    assert read.run.model == name_of("ltp") and read.run.synthetic_model
    assert any("trained on synthetic cases only" in warning.what for warning in read.warnings)
    assert stamp(case=False, model=read.run.synthetic_model) == SYNTHETIC_MODEL
    assert stamp(case=True, model=read.run.synthetic_model) == SYNTHETIC and stamp(case=False, model=False) == ""
