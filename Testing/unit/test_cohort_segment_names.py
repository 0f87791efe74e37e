"""A file's segments are taken by their names: the one that fits, all of one name, or none without a word."""

from __future__ import annotations

import numpy as np
import pytest

from HCCAssistLib.cohort.segment_names import choose, names_organ, painted_lesions
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

GRID = Geometry.from_parts((2, 2, 2), (1, 1, 1))


def segments(*names: str) -> list[Segment]:
    """Painted, but those whose name ends in an exclamation mark."""
    return [
        Segment(name.rstrip("!"), Image(np.full(GRID.shape, not name.endswith("!"), np.uint8), GRID)) for name in names
    ]


@pytest.mark.parametrize(
    ("names", "wanted", "taken", "told"),
    [
        (["liver", "ablation zone"], "liver", ["liver"], ""),
        (["LIVER", "spleen", "tumour"], "liver", ["LIVER"], ""),
        (["liver", "liver (2)"], "liver", ["liver", "liver (2)"], "'liver', 'liver (2)' count as liver together"),
        (["Ablation zone", "Liver"], "ablation", ["Ablation zone"], "'Ablation zone' counts as ablation, 'Liver' not"),
        (["Leber", "Ablationszone"], "ablation", ["Ablationszone"], "'Leber' not"),
        (["Leber", "Ablationszone"], "liver", ["Leber"], "'Ablationszone' not"),
        (
            ["liver_mask", "liver tumour", "liver vessels"],
            "liver",
            ["liver_mask"],
            "'liver tumour', 'liver vessels' not",
        ),
        (["liver ablation", "liver whole"], "liver", ["liver whole"], "'liver ablation' not"),
        (["liver ablation", "liver whole"], "ablation", ["liver ablation"], "'liver whole' not"),
        (["RFA necrosis"], "ablation", ["RFA necrosis"], ""),
        (["Segment_1"], "liver", ["Segment_1"], ""),
        (["Segment_255"], "ablation", ["Segment_255"], ""),
        (["parenchyma"], "liver", ["parenchyma"], "only segment, 'parenchyma', counts as liver"),
        (["liver!", "Segment_2"], "liver", ["Segment_2"], "the segment is empty"),
    ],
)
def test_the_one_that_fits_is_taken_and_said(names: list[str], wanted: str, taken: list[str], told: str) -> None:
    chosen, said = choose(segments(*names), wanted)
    assert [segment.name for segment in chosen] == taken
    assert len(said) == bool(told)
    assert all(told in problem.what and problem.level == "WARN" for problem in said)


@pytest.mark.parametrize(
    ("names", "wanted", "says"),
    [
        (["Liver"], "ablation", "only painted segment is called 'Liver', not 'ablation'"),
        (["Ablation zone"], "liver", "only painted segment is called 'Ablation zone', not 'liver'"),
        (["liver!", "ablation"], "liver", "only painted segment is called 'ablation'"),
        (["liver left", "liver right"], "liver", "'liver left', 'liver right' may all be the liver"),
        (["Segment_1", "Segment_2"], "liver", r"2 segments without names \('Segment_1', 'Segment_2'\)"),
        (["spleen", "Segment_2"], "liver", "none of the file's segments is called 'liver': 'spleen', 'Segment_2'"),
        (["a", "b", "c", "d", "e", "f", "g"], "ablation", "'d', 'e' and 2 more"),
        (["liver!"], "liver", "no segment is painted"),
    ],
)
def test_names_that_do_not_tell_are_refused_with_them(names: list[str], wanted: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        choose(segments(*names), wanted)


@pytest.mark.parametrize(
    ("names", "taken", "left_out"),
    [
        (["Liver", "Mass", "Portal vein", "Abdominal aorta"], ["Mass"], "'Liver', 'Portal vein', 'Abdominal aorta'"),
        (["Leber", "Tumor 1", "Tumor 2"], ["Tumor 1", "Tumor 2"], "'Leber'"),
        (["liver tumour", "portal vein tumour thrombus"], ["liver tumour", "portal vein tumour thrombus"], ""),
        (["T1", "Segment_2", "left lobe"], ["T1", "Segment_2", "left lobe"], ""),
        (["hepatic_vessels", "HCC"], ["HCC"], "'hepatic_vessels'"),
    ],
)
def test_organs_in_a_segmentation_of_lesions_are_left_out_and_named(
    names: list[str], taken: list[str], left_out: str
) -> None:
    found, problems = painted_lesions(segments(*names))
    assert [one.name for one in found] == taken
    assert (left_out in str(problems[0])) if left_out else not problems


def test_a_file_of_organs_alone_holds_no_lesion() -> None:
    with pytest.raises(InputError, match="no segment is a lesion: 'Liver', 'Spleen'"):
        painted_lesions(segments("Liver", "Spleen", "tumour!"))


@pytest.mark.parametrize("title", ["arterial lesion", "ribbon lesion", "hypervascular mass", "Target 1", "viable"])
def test_a_word_for_a_lesion_goes_before_that_for_an_organ(title: str) -> None:
    assert not names_organ(title)
