import shutil
from pathlib import Path

import numpy as np
import pytest

from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.imaging.enhancement import contrast_evidence
from HCCAssistLib.phantoms.ltp.sample import CASE, kept_bytes, make_sample, read_sample, remove_sample
from HCCAssistLib.phantoms.sample import sample_folder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    make_sample(folder)
    return folder


def test_the_sample_case_shows_what_it_is_for(folder: Path) -> None:
    case = read_sample(folder)
    assert case is not None
    (image,), masks = case.volumes.values(), case.masks
    assert list(case.volumes) == ["post/arterial"]
    assert image.geometry.obliquity_degrees < 0.01
    assert image.geometry.axial_axis == 2
    assert contrast_evidence(image).phase == "arterial"
    assert set(masks) == {"post/liver", "post/ablation"}
    assert "synthetic" in image.name
    liver_ml = masks["post/liver"].array.sum() * np.prod(image.geometry.spacing) / 1000
    assert 800 < liver_ml < 3000
    for mask in masks.values():  # on the grid of the image, cut to what it holds
        start = image.geometry.to_index(mask.geometry.origin)
        np.testing.assert_allclose(start, np.round(start), atol=1e-6)
        assert mask.array.any(axis=(1, 2))[[0, -1]].all()
        assert mask.array.size < image.array.size / 3
    k, j, i = np.argwhere(masks["post/ablation"].array)[0]
    inside = image.geometry.to_index(masks["post/ablation"].geometry.to_world((i, j, k))).round().astype(int)
    assert image.array[tuple(inside[::-1])] < 90  # a zone is not enhanced


def test_it_is_made_once_and_again_where_it_is_damaged(folder: Path) -> None:
    path = folder / CASE / "post-arterial.npy"
    made, content = path.stat().st_mtime_ns, path.read_bytes()
    make_sample(folder)
    assert path.stat().st_mtime_ns == made
    path.write_bytes(content[:1000])
    assert read_sample(folder) is None
    make_sample(folder)
    assert path.read_bytes() == content  # the same voxels every time
    assert [entry.name for entry in folder.iterdir()] == [CASE]


def test_removing_it_frees_its_bytes_and_touches_nothing_else(folder: Path, tmp_path: Path) -> None:
    assert (kept_bytes(tmp_path / "none"), read_sample(tmp_path / "none")) == (0, None)
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    assert read_sample(tmp_path) is not None
    (tmp_path / "letter.txt").write_text("mine")
    (tmp_path / "ltp-0-9-v0").mkdir()
    (tmp_path / "ltp-0-9-v0" / "old.npy").write_bytes(bytes(1000))
    assert kept_bytes(tmp_path) > 20_000_000
    remove_sample(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["letter.txt"]
    assert kept_bytes(tmp_path) == 0


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(HCCAssistError, match="cannot be stored"):
        make_sample(tmp_path / "file")


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HCCASSIST_SAMPLES", str(tmp_path))
    assert sample_folder() == tmp_path
    monkeypatch.delenv("HCCASSIST_SAMPLES")
    assert sample_folder().name == "samples"
