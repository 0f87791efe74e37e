"""A scan that a model was trained on is refused by its evaluation, however it is stored."""

from __future__ import annotations

import numpy as np
import pytest

from HCCAssistLib.cohort.fingerprints import fingerprint
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.held_out import refuse_seen
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image


def scan(seed: int) -> Image:
    array = np.random.default_rng(seed).normal(60, 12, (24, 32, 40)).astype(np.int16)
    return Image(array, Geometry.from_parts(array.shape, (0.8, 0.8, 5)))


def refuse(image: Image, **training: object) -> None:
    refuse_seen("x1", [scan(9), image], training)


def test_a_training_scan_is_refused_in_whatever_form() -> None:
    seen = scan(1)
    turned = np.pad(seen.array.astype(np.float32) + 1024, 4, constant_values=0).transpose(1, 2, 0)[::-1]
    copy = Image(turned, Geometry.from_parts(turned.shape, (1, 1, 1)))
    trained_on = {"image_digests": [seen.digest()], "image_fingerprints": [list(fingerprint(seen))]}
    for image in (seen, copy):
        with pytest.raises(InputError, match="case x1: the model was trained on this image"):
            refuse(image, **trained_on)
    refuse(scan(2), **trained_on)


def test_a_model_of_before_the_fingerprints_still_knows_the_scan_itself() -> None:
    with pytest.raises(InputError, match="trained on this image"):
        refuse(scan(1), image_digests=[scan(1).digest()])
    refuse(scan(2), image_digests=[scan(1).digest()])
