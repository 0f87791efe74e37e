"""What the network saw is made again to the bit, from the result, the volume and the segment of its run."""

import numpy as np
import pytest
import torch
from hepatectomy_toy import OBLIQUE, SAGITTAL, TINY, grid, model, register, segment, study, volume

from HCCAssistLib.errors import InputError
from HCCAssistLib.recipes.hepatectomy.prediction import predict
from HCCAssistLib.recipes.hepatectomy.recipe import ARTERIAL, HEPATECTOMY, TUMOUR
from HCCAssistLib.recipes.hepatectomy.sampling import as_input
from HCCAssistLib.recipes.hepatectomy.seen import seen
from HCCAssistLib.recipes.hepatectomy.tumour import tumour_of
from HCCAssistLib.recipes.hepatectomy.voi import voi_of

pytestmark = pytest.mark.heavy

FLIPPED = np.diag([-1.0, 1.0, -1.0])


@pytest.mark.parametrize("voi", ["SS", "NSS"])
@pytest.mark.parametrize(
    "turned", [None, OBLIQUE, SAGITTAL, FLIPPED], ids=["straight", "oblique", "sagittal", "flipped"]
)
def test_the_pictures_are_the_pixels_that_the_network_was_given(tmp_path, monkeypatch, turned, voi):
    register(monkeypatch)
    options = HEPATECTOMY.resolve({**TINY, "voi": voi})
    case = study(grid((1.7, 2.1, 3.3), turned))
    result = predict(case, model(tmp_path, voi=voi), {"heatmap": False})
    (finding,) = case.findings[TUMOUR]
    images = {ARTERIAL: case.volumes[ARTERIAL], f"{TUMOUR} finding 1": finding.mask}
    pictures = seen(result, images, result.run.options)
    given = voi_of(case.volumes[ARTERIAL], tumour_of(case, options), options)
    wanted = as_input(torch.from_numpy(given.voxels[None]), options)[0, 0].numpy()
    assert len(pictures) == 10
    for k, picture in enumerate(pictures):
        np.testing.assert_array_equal(picture.grey, np.rint(255 * wanted[k]).astype(np.uint8))
        center = given.grid.to_world([(149 / 2, 149 / 2, k)])[0]
        np.testing.assert_allclose(picture.grid.center, center, atol=1e-6)
        assert abs(picture.heat.center[2] - given.box.center[2]) <= 0.5, "the map is the same in all slices"


def test_without_its_segment_a_tumour_alone_is_not_made_again(tmp_path, monkeypatch):
    register(monkeypatch)
    case = study(marks=[segment(grid())])
    result = predict(case, model(tmp_path), {"heatmap": False})
    with pytest.raises(InputError, match="not that of the run"):
        seen(result, {ARTERIAL: volume(grid())}, result.run.options)
