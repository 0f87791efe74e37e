import math
from dataclasses import replace

import pytest

from HCCAssistLib.dicom.phases import Phase, PhaseGuess
from HCCAssistLib.imaging.contrast import ContrastEvidence
from HCCAssistLib.recipes.registry import RECIPES
from HCCAssistLib.recipes.roles import all_roles, contradicts, guess_role, needed_roles, phase_of_name

ARTERIAL = ContrastEvidence("arterial", 470.0, 300.0, 68.0, "the aorta is far brighter than the liver")
LATER = replace(ARTERIAL, phase="portal-or-later", reason="organs are enhanced")
NATIVE = replace(ARTERIAL, phase="unenhanced", reason="nothing is enhanced")
UNCLEAR = ContrastEvidence("unknown", math.nan, math.nan, math.nan, "no spine was found to look beside")


def test_roles_that_the_methods_need_come_first() -> None:
    needed = needed_roles()
    assert "post/arterial" in needed
    assert RECIPES["ltp"].title in needed["post/arterial"]
    assert all_roles()[: len(needed)] == tuple(needed)
    assert len(set(all_roles())) == len(all_roles()) == 12


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("5: ABD ART 3.0", "post/arterial"),
        ("AP phase", "post/arterial"),
        ("Baseline PV 70 s", "baseline/portal"),
        ("pre TACE arterial", "pre/arterial"),
        ("CT before RFA_arterielle", "pre/arterial"),
        ("post-ablation delayed", "post/delayed"),
        ("follow-up unenhanced", "post/unenhanced"),
        ("post contrast arterial", "post/arterial"),
        ("pre contrast", "post/unenhanced"),  # before the contrast, not before the treatment
    ],
)
def test_a_name_that_tells_the_phase_is_a_guess_with_its_reason(name: str, role: str) -> None:
    guess = guess_role(name)
    assert (guess.role, guess.state) == (role, "guess")
    assert guess.reason.startswith("name: ")
    assert guess.reason.endswith(".")
    assert "series description" not in guess.reason


def test_where_no_time_point_is_told_the_reason_says_so() -> None:
    reason = guess_role("arterial").reason
    assert "time point not told: after treatment is what the first method here asks for" in reason
    assert "time point by its name: before treatment" in guess_role("pre TACE arterial").reason
    assert "not told" in guess_role("before and after RFA, arterial").reason


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("CT", "unknown"),
        ("", "unknown"),
        ("arterial and portal venous", "conflict"),
        ("Topogram 0.6", "unsuitable"),
        ("art-nativ subtraction", "unsuitable"),
        ("hepatobiliary 20 min", "unsuitable"),
    ],
)
def test_a_name_that_does_not_tell_one_phase_gives_no_role(name: str, state: str) -> None:
    guess = guess_role(name)
    assert (guess.role, guess.state) == (None, state)
    assert guess.reason.endswith(".")


def test_voxels_alone_give_a_guess_where_they_leave_one_phase() -> None:
    assert guess_role("CT", voxels=ARTERIAL).role == "post/arterial"
    assert guess_role("CT", voxels=NATIVE).role == "post/unenhanced"
    assert "the aorta is far brighter" in guess_role("CT", voxels=ARTERIAL).reason
    later = guess_role("CT", voxels=LATER)
    assert (later.role, later.state) == (None, "unknown")
    assert "portal venous or delayed: choose which" in later.reason
    assert guess_role("CT", voxels=UNCLEAR).role is None


@pytest.mark.parametrize(
    ("name", "voxels"), [("portal", ARTERIAL), ("arterial", LATER), ("arterial", NATIVE), ("delayed", NATIVE)]
)
def test_a_name_that_the_voxels_contradict_gives_no_role(name: str, voxels: ContrastEvidence) -> None:
    guess = guess_role(name, voxels=voxels)
    assert (guess.role, guess.state) == (None, "conflict")
    assert "these contradict each other" in guess.reason


@pytest.mark.parametrize(("name", "voxels"), [("portal", LATER), ("delayed", LATER), ("arterial", UNCLEAR)])
def test_voxels_that_fit_the_name_or_tell_nothing_leave_its_role(name: str, voxels: ContrastEvidence) -> None:
    assert guess_role(name, voxels=voxels).role == f"post/{name}"


def test_a_header_counts_more_than_a_name_unless_it_is_silent() -> None:
    portal = PhaseGuess(Phase.PORTAL_VENOUS, "high", ("coded contrast phase: PORTAL_VENOUS",))
    assert guess_role("arterial", header=portal).role == "post/portal"
    assert guess_role("arterial", header=PhaseGuess(Phase.UNKNOWN, "none")).role == "post/arterial"
    contradicting = PhaseGuess(Phase.UNKNOWN, "conflict", ("but a contrast agent is recorded",))
    assert guess_role("arterial", header=contradicting).state == "conflict"


def test_odd_names_do_no_harm() -> None:
    assert phase_of_name("art\\portal" + "x" * 500).phase is Phase.UNKNOWN
    assert phase_of_name("門脈 phase").phase is Phase.PORTAL_VENOUS


@pytest.mark.parametrize(
    ("name", "role", "against"),
    [
        ("portal venous", "post/arterial", True),
        ("portal venous", "baseline/portal", False),
        ("arterial", "pre/arterial", False),  # its name tells no time point
        ("arterial before TACE", "post/arterial", True),
        ("arterial before TACE", "pre/arterial", False),
        ("CT 3.0", "post/arterial", False),
        ("Topogram", "post/arterial", True),
        ("arterial portal venous", "post/arterial", True),
    ],
)
def test_a_role_against_what_is_known_of_a_scan_is_noticed(name: str, role: str, against: bool) -> None:
    assert contradicts(guess_role(name), role) == against


def test_voxels_after_the_arterial_phase_speak_against_it_even_where_they_do_not_tell_which() -> None:
    guess = guess_role("CT", voxels=LATER)
    assert guess.state == "unknown"
    assert contradicts(guess, "post/arterial")
    assert not contradicts(guess, "post/delayed")


def test_phases_of_one_study_without_a_time_point_are_guessed_into_one() -> None:
    names = ("2: unenhanced", "3: arterial", "4: portal venous 70 s", "5: delayed")
    assert len({str(guess_role(name).role).partition("/")[0] for name in names}) == 1
