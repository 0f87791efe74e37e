import errno
import json
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.inference.loaded_model import load_model
from HCCAssistLib.models.caveats import model_warnings
from HCCAssistLib.models.package import ModelPackage, read_card, read_package, sealed, write_package
from HCCAssistLib.models.store import ModelStore, default_store, find_model
from HCCAssistLib.recipes.ltp.network import build
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.results.cutoff import CutOff

LTP = get_recipe("ltp")


@pytest.fixture
def package(tmp_path: Path) -> ModelPackage:
    torch.manual_seed(0)
    options = LTP.resolve({})
    return write_package(
        tmp_path / "source" / "small-model",
        [build(options).state_dict()],
        name="small-model",
        recipe=LTP,
        options=options,
        cutoff=CutOff(0.42, "chosen by hand for a test"),
        input_spec={},
        training={"patients": 0},
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
    assert again.card.cutoff.value == 0.42
    torch.manual_seed(0)
    original = build(LTP.resolve({})).eval()
    x = torch.rand(2, 3, *original.patch_shape)
    assert torch.equal(load_model(again).networks[0](x), original(x))


CUTOFF = {"value": 0.01, "rule": ">=", "source": "chosen by hand for a test", "ties": [], "data_sha256": ""}


@pytest.mark.parametrize(
    "changes",
    [
        {"cutoff": CUTOFF},
        {"scan_cutoff": CUTOFF},
        {"name": "better-model"},
        {"licence": "CC0"},
        {"metrics": {"AUC": {"value": 0.99}}},
        {"training": {"patients": 5000}},
        {"research_use_only": False},
        {"approved": "by somebody"},
        {"seal": "0" * 64},
        {"seal": None},
        {"seal": ""},
        {"format": "hccassist-model/1"},
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


def test_a_package_of_the_older_format_is_read_and_said_not_to_be_sealed(package: ModelPackage) -> None:
    before = package.card
    card = read_package(tamper(package, format="hccassist-model/1", seal=None)).card
    assert card == replace(before, seal="")
    assert "seal" not in card.as_json() and card.as_json()["format"] == "hccassist-model/1"
    (warning,) = model_warnings(card)
    assert warning.level == "WARN" and "without a seal" in warning.what and "small-model" in warning.where
    assert model_warnings(before) == ()


def test_the_cutoff_of_a_prediction_is_that_of_the_scan_where_there_is_one(package: ModelPackage) -> None:
    assert package.card.default_cutoff == package.card.cutoff
    scan = CutOff(0.9, "at most 1 false positive per volume")
    assert replace(package.card, scan_cutoff=scan).default_cutoff == scan


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
        ({"cutoff": {"value": 7, "source": "x", "ties": [], "data_sha256": ""}}, "between 0 and 1"),
        ({"cutoff": {"value": "high"}}, "damaged"),
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
        for number in range(100):
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
