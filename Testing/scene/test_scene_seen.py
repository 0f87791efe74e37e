"""The pictures of a finding are made in a thread, the last that was asked for, with heat over them; faults are told."""

from __future__ import annotations

import io
import threading
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cases import image
from PIL import Image as Picture

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.seen_picture import SeenPicture
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")

from HCCAssistLib.scene.inputs import capture_volume
from HCCAssistLib.scene.seen import SeenPictures, SeenPicturesMaker
from HCCAssistLib.scene.volumes import volume_from_image

GRID = Geometry.from_parts((1, 8, 8), (2.0, 2.0, 4.0), (-7.0, -7.0, 0.0))


def review(scene: Any, **heatmaps: Image) -> Any:
    scan = volume_from_image(image("oblique"), scene, "CT")
    findings = [SimpleNamespace(number=n) for n in (1, 2, 3)]
    result = SimpleNamespace(findings=findings, run=SimpleNamespace(options={}), heatmaps=heatmaps)
    return SimpleNamespace(result=result, captured=SimpleNamespace(volumes={"CT": capture_volume(scan)}))


def taken(maker: SeenPicturesMaker) -> SeenPictures:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        found = maker.take()
        if found is not None:
            return found
        time.sleep(0.005)
    raise TimeoutError


def test_of_several_that_are_asked_for_the_last_one_comes(scene: Any) -> None:
    go, made = threading.Event(), []

    def make(finding: Any, volumes: Any, _options: Any) -> tuple[SeenPicture, ...]:
        made.append(finding.number)
        go.wait(10)
        assert volumes["CT"].array.shape == image("oblique").array.shape
        return (SeenPicture("CT", "", np.zeros((8, 8), np.uint8), GRID),)

    maker, asked = SeenPicturesMaker(make), review(scene)
    for number in (1, 2, 3):
        maker.ask(asked, number)
    assert maker.busy and maker.take() is None
    go.set()
    assert taken(maker).number == 3
    assert made == [1, 3], "the second was for nobody"
    assert not maker.busy
    maker.close()


@pytest.mark.parametrize("error", [KeyError("pre/arterial"), MemoryError(), RuntimeError("x")])
def test_a_fault_is_told_and_the_next_finding_works(scene: Any, error: Exception) -> None:
    def make(finding: Any, _volumes: Any, _options: Any) -> tuple[SeenPicture, ...]:
        if finding.number == 1:
            raise error
        return (SeenPicture("CT", "", np.zeros((8, 8), np.uint8), GRID),)

    maker, asked = SeenPicturesMaker(make), review(scene)
    maker.ask(asked, 1)
    assert "cannot be made again" in taken(maker).problem
    maker.ask(asked, 2)
    assert not taken(maker).problem
    maker.close()


def test_heat_lies_on_the_pixels_that_it_is_of_and_only_when_it_is_asked_for(scene: Any) -> None:
    heat = np.zeros((1, 8, 8), np.float32)
    heat[0, 1, 6] = 1.0  # to the front and the patient's left: above and to the right
    maker = SeenPicturesMaker(lambda *_: (SeenPicture("CT", "", np.full((8, 8), 90, np.uint8), GRID),))
    maker.ask(review(scene, CT=Image(heat, GRID)), 1)
    found = taken(maker)
    maker.close()
    plain, warm = (np.asarray(Picture.open(io.BytesIO(found.png(0, 64, opacity)))).astype(int) for opacity in (0, 0.5))
    assert (plain == 90).all()
    changed = np.argwhere((warm != plain).any(axis=-1))
    assert changed.min(axis=0).tolist() == [8, 48] and changed.max(axis=0).tolist() == [15, 55]
