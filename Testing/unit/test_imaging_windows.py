"""Windows are linear, clamp at air and treat numpy and torch alike."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from HCCAssistLib.imaging.windows import AIR_HU, Window

HU = np.array([-3024, -1024, -151, -150, -50, 50, 150, 250, 251, 3071], dtype=np.int16)


def test_a_window_is_linear_between_level_minus_and_plus_half_its_width() -> None:
    grey = Window(level=50, width=400)(HU)
    assert grey.dtype == np.float32
    assert np.allclose(grey, [0, 0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1])


def test_values_below_air_count_as_air() -> None:
    window = Window(level=-1000, width=1000)  # black lies at -1500, below air
    assert np.allclose(window(np.array([-3024.0, -1024.0])), (AIR_HU + 1500) / 1000)


def test_grey_values_are_rounded_to_the_nearest_of_256() -> None:
    grey = Window(level=0, width=255).to_uint8(np.array([-127.5, -127.1, -126.9, 0.4, 127.5], dtype=np.float32))
    assert grey.dtype == np.uint8
    assert grey.tolist() == [0, 0, 1, 128, 255]


def test_torch_gives_the_same_as_numpy() -> None:
    torch = pytest.importorskip("torch")
    window = Window(level=40, width=350)
    for dtype in (torch.int16, torch.float32):
        tensor = torch.tensor(HU.astype(int), dtype=dtype)
        assert np.allclose(window(tensor).numpy(), window(HU), atol=1e-6)
        assert window.to_uint8(tensor).dtype == torch.uint8
        assert np.array_equal(window.to_uint8(tensor).numpy(), window.to_uint8(HU))


def test_the_input_is_not_changed() -> None:
    hu = np.array([-2000.0, 100.0], dtype=np.float32)
    hu.setflags(write=False)
    Window(50, 400)(hu)
    assert hu.tolist() == [-2000.0, 100.0]


@pytest.mark.parametrize(("level", "width"), [(0, 0), (0, -1), (math.nan, 1), (0, math.inf)])
def test_a_window_without_a_width_is_refused(level: float, width: float) -> None:
    with pytest.raises(ValueError, match="width above 0"):
        Window(level, width)


def test_windows_do_not_load_torch() -> None:
    code = "import sys, HCCAssistLib.imaging.windows; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
