import json
import zipfile
from pathlib import Path

import pytest
import torch

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.result import CutOff
from HCCAssistLib.inference.model import load_model
from HCCAssistLib.models.package import ModelPackage, read_package, write_package
from HCCAssistLib.models.store import ModelStore, default_store, find_model
from HCCAssistLib.recipes.ltp.network import build
from HCCAssistLib.recipes.registry import get_recipe

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
    path = package.folder / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return package.folder


def test_a_written_package_reads_back_and_its_network_computes_the_same(package: ModelPackage) -> None:
    again = read_package(package.folder, recipe="ltp")
    assert again.card == package.card
    assert again.card.cutoff.value == 0.42
    torch.manual_seed(0)
    original = build(LTP.resolve({})).eval()
    x = torch.rand(2, 3, *original.patch_shape)
    assert torch.equal(load_model(again).networks[0](x), original(x))


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


def test_the_store_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HCCASSIST_MODELS", str(tmp_path))
    assert default_store() == tmp_path
