"""What a panel shows as seen is what the network was given, to the bit, however a volume is stored."""

from __future__ import annotations

import numpy as np
import pytest
import tace_toy

from HCCAssistLib.recipes.tace.recipe import ARTERIAL
from HCCAssistLib.recipes.tace.sampling import pictures
from HCCAssistLib.recipes.tace.seen import seen
from HCCAssistLib.recipes.tace.tumours import tumours_of
from HCCAssistLib.results.classification import Finding, Patch

pytestmark = pytest.mark.heavy

TURNED = np.linalg.qr(np.array([[0.9, 0.2, -0.1], [-0.3, 0.95, 0.1], [0.05, -0.1, -0.99]]).T)[0]
EVEN = {"CR": 0.4, "PR": 0.3, "SD": 0.2, "PD": 0.1}


def _finding(tumour) -> Finding:
    patches = tuple(Patch(patch.box, 7, EVEN) for patch in tumour.patches)
    return Finding(1, "T1", tumour.center, EVEN, patches[0].box, 7, patches=patches)


@pytest.mark.parametrize("slices", ["stored", "1 mm"])
@pytest.mark.parametrize(
    ("spacing", "turned"),
    [
        ((0.9, 0.9, 2.5), None),
        ((0.8, 1.1, 2.0), None),
        ((0.9, 0.9, 2.5), np.diag([-1.0, 1.0, -1.0])),
        ((0.9, 0.9, 2.5), np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])),
        ((1.0, 0.9, 2.0), TURNED),
    ],
    ids=["straight", "not square", "flipped", "sagittal", "oblique"],
)
def test_patches_are_made_again_from_a_result(slices, spacing, turned) -> None:
    study = tace_toy.study(tace_toy.grid(spacing, turned))
    options = tace_toy.TACE.resolve({"body": "small", "slices": slices})
    (tumour,) = tumours_of(study, options)
    given = pictures(study.volumes[ARTERIAL], tumour.patches, options)[:, 0]
    shown = seen(_finding(tumour), study.volumes, options)
    assert len(shown) == len(given) == 3
    for one, grey, patch in zip(shown, given, tumour.patches, strict=True):
        np.testing.assert_array_equal(one.grey, grey)
        np.testing.assert_allclose(one.grid.center, patch.box.center, atol=1e-6)
        assert one.text.startswith("Image 8")
        # brighter to the patient's left, which is on the right of the picture, and to the back, which is below
        assert one.grey[:, -40:].mean() > one.grey[:, :40].mean() + 20
        assert one.grey[-40:].mean() > one.grey[:40].mean() + 5


def test_of_three_slices_as_channels_the_middle_one_is_shown() -> None:
    study = tace_toy.study()
    options = tace_toy.TACE.resolve({"body": "small", "channels": "slices"})
    (tumour,) = tumours_of(study, options)
    given = pictures(study.volumes[ARTERIAL], tumour.patches, options)
    (shown,) = seen(_finding(tumour), study.volumes, options)
    np.testing.assert_array_equal(shown.grey, given[0, 0])


@pytest.mark.parametrize("turned", [None, TURNED], ids=["straight", "oblique"])
def test_the_frame_of_a_mass_is_made_again_in_each_phase(turned) -> None:
    import mass_toy

    from HCCAssistLib.recipes.liver_mass.augmentation import center_crop
    from HCCAssistLib.recipes.liver_mass.masses import field_of_view, masses_of
    from HCCAssistLib.recipes.liver_mass.recipe import LIVER_MASS, phases_of
    from HCCAssistLib.recipes.liver_mass.sampling import pictures as mass_pictures
    from HCCAssistLib.recipes.liver_mass.sections import frame
    from HCCAssistLib.recipes.liver_mass.seen import seen as mass_seen

    torch = pytest.importorskip("torch")
    options = LIVER_MASS.resolve({"phases": "triphasic"})
    study = mass_toy.study([mass_toy.grid((1.4, 1.6, 3.0), turned)] * 3)
    volumes = {phase: study.volumes[f"baseline/{phase}"] for phase in phases_of(options)}
    mass = masses_of(study, options)[0]
    images, _ = mass_pictures(volumes, [(mass, mass.center)], options)
    given = np.rint(255 * center_crop(torch.from_numpy(images)).numpy())[0].astype(np.uint8)
    box = frame(mass.center, field_of_view(mass.diameter_mm, options), volumes["arterial"].geometry)
    even = dict.fromkeys("ABCDE", 0.2)
    shown = mass_seen(Finding(1, "M1", mass.center, even, box, 3), study.volumes, options)
    assert [one.place for one in shown] == [f"baseline/{phase}" for phase in phases_of(options)]
    for one, grey in zip(shown, given, strict=True):
        np.testing.assert_array_equal(one.grey, grey)
