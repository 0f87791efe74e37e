import errno
import hashlib
import json
import shutil
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save as save_numpy

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.inference.loaded_model import load_model
from HCCAssistLib.models.model_card import sealed
from HCCAssistLib.models.package import ModelPackage, read_card, read_package, write_package
from HCCAssistLib.models.store import ModelStore, default_store, find_model
from HCCAssistLib.recipes.ltp.network import build
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.results.cutoff import CutOff

LTP = get_recipe("ltp")


@pytest.fixture
def package(whole: ModelPackage, tmp_path: Path) -> ModelPackage:
    folder = tmp_path / "source" / "small-model"
    shutil.copytree(whole.folder, folder)
    return ModelPackage(folder, whole.card)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    torch.manual_seed(0)
    options = LTP.resolve({})
    return write_package(
        tmp_path_factory.mktemp("whole") / "small-model",
        [{"": build(options).state_dict()}],
        name="small-model",
        recipe=LTP,
        options=options,
        cutoffs={"patch": CutOff(0.42, "chosen by hand for a test")},
        default_cutoff="patch",
        input_spec={},
        training={"trained_on": {"synthetic": 0, "patients": 3}},
        software={},
    )


def edit(package: ModelPackage, **changes: object) -> Path:
    """What ``model.json`` says is changed, and sealed anew as whoever wrote such a package would have."""
    path = package.folder / "model.json"
    path.write_text(json.dumps({**sealed({**json.loads(path.read_text()), **changes}), **only_format(changes)}))
    return package.folder


def only_format(changes: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in changes.items() if name == "format"}


def tamper(package: ModelPackage, **changes: object) -> Path:
    """What ``model.json`` says is changed, and nothing else; None takes an entry away."""
    path = package.folder / "model.json"
    said = {**json.loads(path.read_text()), **changes}
    gone = {name for name, value in changes.items() if value is None}
    path.write_text(json.dumps({name: value for name, value in said.items() if name not in gone}))
    return package.folder


def test_a_written_package_reads_back_and_its_network_computes_the_same(package: ModelPackage) -> None:
    again = read_package(package.folder, recipe="ltp")
    assert again.card == package.card
    assert again.card.cutoff("patch").value == again.card.cutoff().value == 0.42
    torch.manual_seed(0)
    original = build(LTP.resolve({})).eval()
    x = torch.rand(2, 3, *original.patch_shape)
    assert torch.equal(load_model(again).networks[0](x), original(x))


CUTOFF = {"value": 0.01, "rule": ">=", "source": "chosen by hand for a test", "ties": [], "data_sha256": ""}


@pytest.mark.parametrize(
    "changes",
    [
        {"cutoffs": {"patch": CUTOFF}},
        {"default_cutoff": "candidate"},
        {"categories": [{"code": "1", "name": "no progression"}, {"code": "0", "name": "local tumour progression"}]},
        {"preset": "quick"},
        {"options": {}},
        {"name": "better-model"},
        {"licence": "CC0"},
        {"metrics": {"AUC": {"value": 0.99}}},
        {"training": {"patients": 5000}},
        {"research_use_only": False},
        {"approved": "by somebody"},
        {"seal": "0" * 64},
        {"seal": None},
        {"seal": ""},
        {"files": {}},
    ],
)
def test_a_model_json_that_was_changed_is_refused_wherever_it_is_read(
    package: ModelPackage, tmp_path: Path, changes: dict[str, object]
) -> None:
    folder = tamper(package, **changes)
    for read in (read_package, read_card, ModelStore(tmp_path / "store").install):
        with pytest.raises(InputError, match=r"changed after the model was written.*Install the model again"):
            read(folder)


def test_a_seal_rests_on_what_is_said_and_not_on_how_it_is_written(package: ModelPackage) -> None:
    path = package.folder / "model.json"
    said = json.loads(path.read_text())
    path.write_text("\n\n" + json.dumps(dict(reversed(said.items())), indent=7, ensure_ascii=False))
    assert read_package(package.folder).card == package.card
    assert package.card.seal == said["seal"] == sealed(package.card.as_json())["seal"]
    assert len(package.card.seal) == 64


@pytest.mark.parametrize("older", ["hccassist-model/1", "hccassist-model/2"])
def test_a_package_of_an_older_format_is_refused_with_what_to_do(
    package: ModelPackage, tmp_path: Path, older: str
) -> None:
    folder = tamper(package, format=older)
    for read in (read_package, read_card, ModelStore(tmp_path / "store").install):
        with pytest.raises(InputError) as caught:
            read(folder)
        assert str(caught.value) == (
            f"small-model: the model is of an older format ({older}) that is not read any more. "
            "Train it again, or ask whoever made it for a new package."
        )


def test_the_default_cutoff_is_the_one_that_is_named(package: ModelPackage) -> None:
    card = package.card
    assert card.default_cutoff == card.cutoff() == card.cutoff("patch")
    both = replace(card, cutoffs={**card.cutoffs, "candidate": CutOff(0.9, "x")}, default_name="candidate")
    assert both.default_cutoff == both.cutoff() == CutOff(0.9, "x")
    assert both.cutoff("patch").value == 0.42
    with pytest.raises(InputError, match="no cut-off called 'lesion'"):
        both.cutoff("lesion")
    none = replace(card, cutoffs={}, default_name="")
    assert none.default_cutoff is None
    with pytest.raises(InputError, match="has no cut-off"):
        none.cutoff()


def several(tmp_path: Path, **changes: Any) -> ModelPackage:
    """A package of two members with two networks each, trees and a reference curve."""
    weights = [
        {name: {"w": torch.full((2,), n + 0.5 * (name == "pre"))} for name in ("pre", "prepost")} for n in (0, 1)
    ]
    trees = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    given: dict[str, Any] = {
        "cutoffs": {"signature": CutOff(0.3, "tuning set"), "candidate": CutOff(0.6, "tuning set")},
        "default_cutoff": "candidate",
        "preset": "quick",
        "extras": {"trees-0.safetensors": {"value": trees, "left": trees[:, 1]}, "curves.json": {"low": [[0, 1.0]]}},
    }
    return write_package(
        tmp_path / "several",
        weights,
        name="several",
        recipe=LTP,
        options=LTP.resolve({}),
        input_spec={},
        training={},
        **{"software": {}, **given, **changes},
    )


def test_members_may_have_several_networks_with_trees_and_curves_beside_them(tmp_path: Path) -> None:
    package = several(tmp_path)
    assert package.card.members == (
        {"pre": "weights-0-pre.safetensors", "prepost": "weights-0-prepost.safetensors"},
        {"pre": "weights-1-pre.safetensors", "prepost": "weights-1-prepost.safetensors"},
    )
    values = [{name: float(of["w"][0]) for name, of in member.items()} for member in package.load_weights()]
    assert values == [{"pre": 0.5, "prepost": 0.0}, {"pre": 1.5, "prepost": 1.0}]
    found = package.arrays("trees-0.safetensors")
    np.testing.assert_array_equal(found["value"], np.arange(6.0).reshape(2, 3))  # whatever its order in memory
    np.testing.assert_array_equal(found["left"], [1.0, 4.0])
    assert package.document("curves.json") == {"low": [[0, 1.0]]}
    assert len(package.weights_sha256) == 6 == len(set(package.weights_sha256))
    with pytest.raises(InputError, match=r"no curves-2\.json"):
        package.document("curves-2.json")
    installed = ModelStore(tmp_path / "store").install(package.folder)
    assert installed.document("curves.json") == {"low": [[0, 1.0]]}
    assert installed.card == package.card


def test_networks_are_built_by_their_names_and_kept_by_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Two(torch.nn.Module):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name, self.w = name, torch.nn.Parameter(torch.zeros(2))

    network = SimpleNamespace(build=lambda options, name="": Two(name))
    monkeypatch.setattr(Recipe, "module", lambda recipe, step: network)
    model = load_model(several(tmp_path))
    assert [(one.name, one.w.tolist()[0]) for one in model.named("prepost")] == [("prepost", 0.0), ("prepost", 1.0)]
    assert [(one.name, one.w.tolist()[0]) for one in model.named("pre")] == [("pre", 0.5), ("pre", 1.5)]
    assert not model.members[0]["pre"].training


@pytest.mark.parametrize("name", ["trees-0.safetensors", "curves.json"])
def test_one_changed_byte_of_any_other_file_is_refused(tmp_path: Path, name: str) -> None:
    package = several(tmp_path)
    content = bytearray((package.folder / name).read_bytes())
    content[-2] ^= 1
    (package.folder / name).write_bytes(content)
    with pytest.raises(InputError, match="sha256 differs"):
        read_package(package.folder)
    with pytest.raises(InputError, match="sha256 differs"):  # changed after it was verified
        package.arrays(name) if name.endswith("safetensors") else package.document(name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("trees-0.safetensors", b"no tensors"),
        ("trees-0.safetensors", b""),
        ("trees-0.safetensors", {"value": np.array([0.5, np.nan])}),
        ("trees-0.safetensors", {"value": np.array([np.inf])}),
        ("curves.json", b"no json"),
        ("curves.json", b'{"low": NaN}'),
        ("curves.json", b'{"low": 1e999}'),
        ("curves.json", b"\xff\xfe"),
        ("curves.json", b"[" * 100_000),
    ],
)
def test_other_files_that_hold_nonsense_are_refused_when_they_are_used(tmp_path: Path, name: str, content: Any) -> None:
    package = several(tmp_path)
    data = content if isinstance(content, bytes) else save_numpy(content)
    (package.folder / name).write_bytes(data)
    sha = hashlib.sha256(data).hexdigest()
    again = read_package(edit(package, files={**package.card.files, name: sha}))
    with pytest.raises(InputError, match=r"is damaged|not finite") as caught:
        again.arrays(name) if name.endswith("safetensors") else again.document(name)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        *("../trees.safetensors", "trees.pkl", "model.json", "weights.json", "values/../x.json", "Curves.json"),
        *("nul.json", "weights-00.safetensors", "weights-1-Pre.safetensors", "curves.JSON", "trees.json "),
        "trees-\u0663.safetensors",
    ],
)
def test_no_other_name_is_written_or_read(package: ModelPackage, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="none of its own"):
        read_package(edit(package, files={**package.card.files, name: "0" * 64}))
    with pytest.raises(ValueError, match="holds no file called"):
        several(tmp_path, extras={name: {}})
    assert not (tmp_path / "several").exists() and not list(tmp_path.glob("*.part"))


def test_files_that_are_far_too_large_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = several(tmp_path)
    monkeypatch.setattr("HCCAssistLib.models.package.JSON_LIMIT", 2 * 2**10)
    read_card(package.folder)
    monkeypatch.setattr("HCCAssistLib.models.package._read", lambda path: pytest.fail("it was read"))
    monkeypatch.setattr("HCCAssistLib.models.package.JSON_LIMIT", 5)
    with pytest.raises(InputError, match="far too large"):
        read_card(package.folder)
    monkeypatch.undo()
    for limit, value in (("PACKAGE_LIMIT", 100), ("FILE_LIMIT", 5)):
        monkeypatch.setattr(f"HCCAssistLib.models.package.{limit}", value)
        with pytest.raises(InputError, match="far larger than a model"):
            read_card(package.folder)
        monkeypatch.undo()


def test_weights_that_are_not_finite_are_refused(package: ModelPackage, tmp_path: Path) -> None:
    weights = build(LTP.resolve({})).state_dict()
    weights["fc3.bias"] = torch.tensor([torch.nan])
    broken = write_package(
        package.folder,
        [{"": weights}],
        name="small-model",
        recipe=LTP,
        options=LTP.resolve({}),
        cutoffs=package.card.cutoffs,
        default_cutoff="patch",
        input_spec={},
        training={},
        software={},
    )
    with pytest.raises(InputError, match="not finite"):
        load_model(broken)
    store = ModelStore(tmp_path / "store")
    with pytest.raises(InputError, match="not finite"):
        store.install(broken.folder)
    assert store.entries() == ()


def test_one_changed_byte_of_the_weights_is_refused(package: ModelPackage) -> None:
    path = package.folder / "weights-0.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="sha256 differs"):
        read_package(package.folder)


def test_weights_changed_between_check_and_use_are_refused(package: ModelPackage) -> None:
    checked = read_package(package.folder)
    path = package.folder / "weights-0.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(InputError, match="sha256 differs"):
        load_model(checked)


def test_truncated_weights_are_refused(package: ModelPackage) -> None:
    path = package.folder / "weights-0.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="cut short"):
        read_package(package.folder)


def test_missing_weights_are_refused(package: ModelPackage) -> None:
    (package.folder / "weights-0.safetensors").unlink()
    with pytest.raises(InputError, match=r"weights-0.safetensors is missing"):
        read_package(package.folder)


@pytest.mark.parametrize("name", ["../weights-0.safetensors", "/etc/passwd", "a/b.safetensors", "weights-0.pt", ""])
def test_a_package_that_names_files_outside_itself_is_refused(package: ModelPackage, name: str) -> None:
    with pytest.raises(InputError, match="none of its own"):
        read_package(edit(package, files={name: "0" * 64}))


def test_weights_that_are_a_link_are_refused(package: ModelPackage, tmp_path: Path) -> None:
    path = package.folder / "weights-0.safetensors"
    outside = tmp_path / "outside.safetensors"
    path.rename(outside)
    path.symlink_to(outside)
    with pytest.raises(InputError, match="is missing"):
        read_package(package.folder)


def test_a_model_of_another_recipe_is_refused(package: ModelPackage) -> None:
    with pytest.raises(InputError, match="there is no recipe 'horoscope'"):
        read_package(edit(package, recipe="horoscope"))
    with pytest.raises(InputError, match="not of tace-response"):
        read_package(edit(package, recipe="ltp"), recipe="tace-response")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": "hccassist-model/99"}, "unknown format"),
        ({"format": None}, "unknown format"),
        ({"format": ["hccassist-model/3"]}, "unknown format"),
        ({"cutoffs": {"patch": {**CUTOFF, "value": 7}}}, "between 0 and 1"),
        ({"cutoffs": {"patch": {**CUTOFF, "value": "infinity"}}}, "between 0 and 1"),
        ({"cutoffs": {"patch": {**CUTOFF, "value": "nan"}}}, "must be a number"),
        ({"cutoffs": {"patch": {**CUTOFF, "value": "high"}}}, "damaged"),
        ({"cutoffs": {"patch": {**CUTOFF, "source": " "}}}, "needs its source"),
        ({"cutoffs": {"patch": {"value": 0.5}}}, "damaged"),
        ({"cutoffs": {"patch": {**CUTOFF, "source": "a\x1b[2Jb"}}}, "cannot be printed"),
        ({"cutoffs": {"../patch": CUTOFF}}, "cannot be called"),
        ({"cutoffs": {"candidate": CUTOFF}}, "default cut-off 'patch' is not among candidate"),
        ({"default_cutoff": ""}, "default cut-off '' is not among patch"),
        ({"cutoffs": {}}, "default cut-off 'patch' is not among no cut-offs"),
        ({"cutoffs": {}, "default_cutoff": ""}, "has no cut-off"),
        ({"cutoffs": [CUTOFF]}, "damaged"),
        ({"categories": []}, "has the categories none"),
        ({"categories": [{"code": "1", "name": "a"}, {"code": "0", "name": "b"}]}, "has the categories 1, 0"),
        ({"categories": [{"code": "0", "name": "a\nb"}, {"code": "1", "name": "b"}]}, "cannot be called"),
        ({"categories": [{"code": "0", "name": ""}, {"code": "1", "name": "b"}]}, "cannot be called"),
        ({"categories": [{"code": "0", "name": "a" * 300}, {"code": "1", "name": "b"}]}, "cannot be called"),
        ({"categories": {"0": "a", "1": "b"}}, "damaged"),
        ({"preset": "horoscope"}, "has no preset"),
        ({"options": {"pools": [3]}}, "has no value"),
        ({"training": {"trained_on": {"synthetic": -1}}}, "damaged"),
        ({"training": {"trained_on": {"patients": "many"}}}, "damaged"),
        ({"training": {"trained_on": [3]}}, "damaged"),
        ({"training": {"samples_per_class": {"train": {"0": 1.5}}}}, "damaged"),
        ({"training": {"samples_per_class": [1]}}, "damaged"),
        ({"training": {"cases": [3]}}, "damaged"),
        ({"training": {"cases": {"train": "all"}}}, "damaged"),
        ({"training": {"seed": "7"}}, "damaged"),
        ({"training": {"image_digests": "all of them"}}, "damaged"),
        ({"training": {"image_fingerprints": [1, 2]}}, "damaged"),
        ({"files": {"weights-1.safetensors": "0" * 64}}, "no weights"),
        ({"files": {"weights-0.safetensors": "0" * 64, "weights-2.safetensors": "0" * 64}}, "not numbered from 0"),
        ({"files": {"weights-0.safetensors": "0" * 64, "weights-1-pre.safetensors": "0" * 64}}, "the same networks"),
        ({"files": {"weights-0.safetensors": "zzz"}}, "is none"),
        ({"files": {"curves.json": "0" * 64}}, "no weights"),
        ({"name": "../../evil"}, "not a safe file name"),
        ({"options": {"pools": 9}}, "not one of the choices"),
        ({"options": {"surprise": 1}}, "has no option surprise"),
        ({"files": {}}, "no weights"),
        ({"files": [1, 2]}, "damaged"),
    ],
)
def test_a_wrong_model_json_is_refused_with_the_reason(
    package: ModelPackage, changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        read_package(edit(package, **changes))


def test_weights_of_another_network_are_refused(package: ModelPackage) -> None:
    with pytest.raises(InputError, match="do not fit the network"):
        load_model(read_package(edit(package, options=LTP.resolve({"pools": 2}))))


def test_text_instead_of_json_and_an_empty_folder_are_refused(package: ModelPackage, tmp_path: Path) -> None:
    (package.folder / "model.json").write_text("not json")
    with pytest.raises(InputError, match="damaged"):
        read_package(package.folder)
    with pytest.raises(InputError, match=r"no model.json"):
        read_package(tmp_path)


def test_the_store_installs_lists_and_removes(package: ModelPackage, tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "store")
    assert store.packages() == ((), ())
    installed = store.install(package.folder)
    assert installed.folder.parent == store.folder
    assert store.install(package.folder).card == package.card  # installing twice does nothing
    assert [p.card.name for p in store.packages()[0]] == ["small-model"]
    assert find_model("small-model", store, recipe="ltp").card == package.card
    store.remove("small-model")
    assert store.packages() == ((), ())
    with pytest.raises(InputError, match="nstalled models: none"):
        store.get("small-model")


def test_the_store_keeps_a_different_model_of_the_same_name(package: ModelPackage, tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "store")
    store.install(package.folder)
    with pytest.raises(InputError, match="another model named"):
        store.install(edit(package, licence="CC0"))


def test_a_damaged_installed_model_is_listed_with_its_reason_and_healed_by_installing(
    package: ModelPackage, tmp_path: Path
) -> None:
    store = ModelStore(tmp_path / "store")
    store.install(package.folder)
    (store.folder / "small-model" / "weights-0.safetensors").write_bytes(b"")
    good, bad = store.packages()
    assert not good
    assert "sha256 differs" in bad[0].reason
    assert store.install(package.folder).card == package.card


def test_a_zip_of_a_package_installs(package: ModelPackage, tmp_path: Path) -> None:
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in package.folder.iterdir():
            file.write(path, f"small-model/{path.name}")
    assert ModelStore(tmp_path / "store").install(archive).card == package.card


@pytest.mark.parametrize("name", ["../outside.txt", "/outside.txt", "a/../../outside.txt", "..\\outside.txt", "C:x"])
def test_a_zip_that_would_write_outside_its_folder_is_refused(package: ModelPackage, tmp_path: Path, name: str) -> None:
    archive = tmp_path / "deep" / "er" / "model.zip"
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as file:
        file.write(package.folder / "model.json", "model.json")
        file.writestr(name, "x")
    with pytest.raises(InputError, match="write outside its folder"):
        ModelStore(tmp_path / "store").install(archive)
    assert not list(tmp_path.rglob("outside.txt"))


def test_a_zip_with_a_link_or_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as file:
        link = zipfile.ZipInfo("weights-0.safetensors")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match="write outside its folder"):
        ModelStore(tmp_path / "store").install(archive)
    archive.write_text("no zip")
    with pytest.raises(InputError, match="cannot be read"):
        ModelStore(tmp_path / "store").install(archive)


@pytest.mark.parametrize("name", ["..", ".", "", "a/b"])
def test_a_name_cannot_lead_out_of_the_store(tmp_path: Path, name: str) -> None:
    (tmp_path / "store").mkdir()
    with pytest.raises(InputError, match="not the name of a model"):
        ModelStore(tmp_path / "store").remove(name)
    with pytest.raises(InputError, match="not the name of a model"):
        ModelStore(tmp_path / "store").path(name)


def test_the_store_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HCCASSIST_MODELS", str(tmp_path))
    assert default_store() == tmp_path


def test_entries_tell_what_is_installed_without_reading_weights(
    package: ModelPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ModelStore(tmp_path / "store")
    assert store.entries() == ()
    store.install(package.folder)
    (store.folder / "odd").mkdir()
    (store.folder / "half.7.part").mkdir()
    monkeypatch.setattr("HCCAssistLib.models.package.file_sha256", lambda path: pytest.fail("weights were read"))
    odd, small = store.entries()
    assert (odd.name, odd.card, odd.size) == ("odd", None, 0)
    assert "no model.json" in odd.reason
    assert (small.name, small.card, small.reason) == ("small-model", package.card, "")
    assert small.size == sum(path.stat().st_size for path in package.folder.iterdir())
    assert small.installed == pytest.approx(time.time(), abs=60)


def zipped(folder: Path, archive: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in folder.iterdir():
            file.write(path, f"{prefix}{path.name}")
    return archive


@pytest.mark.parametrize("prefix", ["", "a/b/small-model/"])
def test_a_zip_may_hold_its_package_at_any_depth(package: ModelPackage, tmp_path: Path, prefix: str) -> None:
    archive = zipped(package.folder, tmp_path / "model.zip", prefix)
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("__MACOSX/._model.json", "what a Mac adds")
    assert ModelStore(tmp_path / "store").install(archive).card == package.card


def test_a_zip_of_two_models_or_of_none_is_refused(package: ModelPackage, tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "store")
    archive = zipped(package.folder, tmp_path / "model.zip", "one/")
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("two/model.json", "{}")
    with pytest.raises(InputError, match="exactly one model"):
        store.install(archive)
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as file:
        file.writestr("readme.txt", "no model")
    with pytest.raises(InputError, match="exactly one model"):
        store.install(tmp_path / "none.zip")
    assert store.entries() == ()


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("HCCAssistLib.models.store.PACKAGE_LIMIT", 10**6)
    monkeypatch.setattr(zipfile.ZipFile, "extractall", lambda *_: pytest.fail("it was unpacked"))
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("weights-0.safetensors", bytes(10**6 + 1))
    assert archive.stat().st_size < 5000
    with pytest.raises(InputError, match="far larger than a model"):
        ModelStore(tmp_path / "store").install(archive)
    with zipfile.ZipFile(archive, "w") as file:
        for number in range(300):
            file.writestr(f"{number}", "")
    with pytest.raises(InputError, match="far larger than a model"):
        ModelStore(tmp_path / "store").install(archive)


def test_a_bomb_that_lies_about_its_size_is_refused_and_fills_no_disk(package: ModelPackage, tmp_path: Path) -> None:
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("weights-0.safetensors", bytes(5 * 10**7))
    content = archive.read_bytes()
    assert content.count((5 * 10**7).to_bytes(4, "little")) == 2  # in the file's own header and in the directory
    archive.write_bytes(content.replace((5 * 10**7).to_bytes(4, "little"), (100).to_bytes(4, "little")))
    with pytest.raises(InputError, match="cannot be read"):
        ModelStore(tmp_path / "store").install(archive)


def test_a_zip_that_was_damaged_on_its_way_is_refused(package: ModelPackage, tmp_path: Path) -> None:
    archive = zipped(package.folder, tmp_path / "model.zip")
    content = bytearray(archive.read_bytes())
    content[200:60_000] = bytes(59_800)
    archive.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        ModelStore(tmp_path / "store").install(archive)
    assert ModelStore(tmp_path / "store").entries() == ()


def test_a_full_disk_is_no_fault_of_the_archive_and_tells_no_path(
    package: ModelPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: zipfile.ZipFile, into: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(into))

    archive = zipped(package.folder, tmp_path / "model.zip")
    monkeypatch.setattr(zipfile.ZipFile, "extractall", full)
    with pytest.raises(HCCAssistError) as caught:
        ModelStore(tmp_path / "store").install(archive)
    assert str(caught.value) == "the archive model.zip could not be unpacked: No space left on device"


def test_a_tampered_zip_is_refused(package: ModelPackage, tmp_path: Path) -> None:
    path = package.folder / "weights-0.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="sha256 differs"):
        ModelStore(tmp_path / "store").install(zipped(package.folder, tmp_path / "model.zip"))


@pytest.mark.parametrize("content", ["[" * 100_000, '{"format": ' + "9" * 5000 + "}", "", "null", '["a"]'])
def test_a_model_json_that_is_no_model_json_is_refused(package: ModelPackage, content: str) -> None:
    (package.folder / "model.json").write_text(content)
    with pytest.raises(InputError, match=r"damaged|unknown format"):
        read_package(package.folder)
