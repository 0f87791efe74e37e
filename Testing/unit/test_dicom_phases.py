"""Contrast phases by headers: words of many sites, delays, and contradictions that are left to the reader."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from HCCAssistLib.dicom.phases import Phase, guess_phase, phase_by_words

shared = Path(__file__).resolve().parents[3] / "shared"

WORDS = {
    Phase.UNENHANCED: """ABD/PEL W/O|2.5mm Non Con|PRE LIVER 2.5|Recon 2: PRE LIVER|Leber nativ 3.0 I30f|TRI LIVER C-|
        foie sans injection|AX LAVA PRE|t1_vibe_fs_tra_bh_pre|Dry Liver|LIVER WO|ABDOMEN ST WO|UNENHANCED|NON-CONTRAST|
        Leber ohne KM|addome senza mdc|basal|WO ABD  5.0  B40f|上腹部平扫|without contrast|pre-contrast|noncontrast""",
    Phase.EARLY_ARTERIAL: "early arterial 1.5|Early Art Phase|Leber früh art.|artérielle précoce|EARLY ART",
    Phase.LATE_ARTERIAL: """Abd ART 1.0 B30f|Leber art. 1.5|LIVER LATE ARTERIAL|Late art. phase|
        late art. phase  3.0  B40f|foie temps arteriel|AX LAVA ART|t1_vibe_dixon_tra_bh_art_W|
        LIVER 3 PHASE (AP)|Arterial  3.0  B40f|
        ARTCHESTABDPEL WC ST|HAP|spätarteriell|动脉期|
        Art late|Liver ART LATE 1.5|arterielle Spätphase|artérielle tardive|ChestAbd Art Lung|fase arteriosa|35 sec""",
    Phase.PORTAL_VENOUS: """Abdomen  1.25mm Portal Venous|Leber ven 3.0|Thorax Abd VEN 70s|PVP|PV ABDOMEN|C+ portal|
        Recon 2: VENOUS PHASE COR|t1_vibe_tra_portalvenous|P.Venous 3.0 B40f|P.Venous pha  3.0  B40f|門脈相|
        AbdPel Portalvenous|
        venöse Phase|VENOESE PHASE|Leber venösen|Nephrographic|VP|Liver VP 3.0|
        VENOUS LIVER|foie temps veineux|fase venosa|Abd Ven|portalvenös""",
    Phase.DELAYED: """3 min delay|Delayed 5 MIN|foie tardif|180 sec Delay  3.0  B40f|Liver  10 min  3.0  B40f|
        DELAYED SCAN|Spät 3.0|fase tardiva|延迟期|AbdPel Delay|
        Spätphase|Leber Spätphase|Spaetphase 5mm|Spa\u0308tphase|excretory|120s|Liver 120 sec|equilibrium""",
    Phase.HEPATOBILIARY: "Ax LAVA-Flex +C 20 MIN|t1_vibe_tra_hbp|hepatobiliary|HB phase",
    Phase.TRANSITIONAL: "Transitional 3min|t1_vibe_transition",
    Phase.UNKNOWN: """LIVER 3 PHASE|CT Body 3.0|WITH CONTRAST|eTHRIVE dyn|AXIAL|HELICAL MODE|FOIE BIPASIQUE|
        with non-ionic contrast|150cc OMNIPAQUE|AP Routine  5.0  B40f|APRoutine|ENHANCED|CAP C  THINS|TARGETLUNGLIVER|
        ABDOMEN W/WO|CT ABD WWO CONTRAST|with and without contrast|ART AND VENOUS|Art + late|1120s|
        120st|AORTA|hepatic artery|PE  1.5  B40f|
        Liver 1203 min|partial|prevention|""",
}
CASES = [(text.strip(), phase) for phase, texts in WORDS.items() for text in texts.split("|")]


@pytest.mark.parametrize(("text", "phase"), CASES)
def test_the_words_of_many_sites_are_understood(text: str, phase: Phase) -> None:
    assert phase_by_words(text)[0] == phase


@pytest.mark.parametrize(
    "text",
    [
        *("Topogram 0.6", "PreMonitoring", "Monitoring  9.6  B31s", "MIP axial", "t2_haste_tra_bh", "SUB ART-PRE"),
        *("AX T1 OPPOSED PHASE", "Bolus Tracking", "Smart Prep", "Dose Report", "subtraction art", "AX DWI b800"),
    ],
)
def test_images_that_show_no_phase_are_set_apart(text: str) -> None:
    assert guess_phase(header(SeriesDescription=text)).phase == Phase.EXCLUDED


def header(**fields: object) -> Dataset:
    d = Dataset()
    d.Modality = "CT"
    for name, value in fields.items():
        setattr(d, name, value)
    return d


def delayed(seconds: int, **fields: object) -> Dataset:
    minutes, rest = divmod(seconds, 60)
    times = {"ContrastBolusStartTime": "120000", "AcquisitionTime": f"12{minutes:02d}{rest:02d}.25"}
    return header(**times, **fields)


@pytest.mark.parametrize(
    ("seconds", "phase"),
    [
        (3, Phase.UNENHANCED),
        (20, Phase.EARLY_ARTERIAL),
        (38, Phase.LATE_ARTERIAL),
        (53, Phase.UNKNOWN),
        (75, Phase.PORTAL_VENOUS),
        (130, Phase.UNKNOWN),
        (240, Phase.DELAYED),
    ],
)
def test_the_delay_after_the_injection_tells_the_phase_of_a_ct(seconds: int, phase: Phase) -> None:
    guess = guess_phase(delayed(seconds))
    assert guess.phase == phase
    assert guess.confidence == ("none" if phase == Phase.UNKNOWN else "medium")
    assert f"scanned {seconds} s after" in guess.evidence[0]


def test_a_late_mr_is_hepatobiliary() -> None:
    assert guess_phase(delayed(1200, Modality="MR")).phase == Phase.HEPATOBILIARY


def test_midnight_between_injection_and_scan_does_no_harm() -> None:
    guess = guess_phase(header(ContrastBolusStartTime="235950", AcquisitionTime="000025"))
    assert guess.phase == Phase.LATE_ARTERIAL


@pytest.mark.parametrize("start", ["", "140000", "noon", "090000"])
def test_impossible_delays_say_nothing(start: str) -> None:
    with pydicom.config.disable_value_validation():
        d = header(ContrastBolusStartTime=start, AcquisitionTime="120000")
    assert guess_phase(d).confidence == "none"


def test_two_fields_that_agree_are_trusted_more_than_one() -> None:
    assert guess_phase(delayed(38, SeriesDescription="LIVER ART")).confidence == "high"
    assert guess_phase(header(SeriesDescription="LIVER ART", ProtocolName="late art")).confidence == "high"
    assert guess_phase(header(SeriesDescription="LIVER ART")).confidence == "medium"
    only_protocol = guess_phase(header(SeriesDescription="AXIAL", ProtocolName="portal venous"))
    assert (only_protocol.phase, only_protocol.confidence) == (Phase.PORTAL_VENOUS, "low")


def test_fields_that_disagree_are_a_conflict_for_the_reader() -> None:
    guess = guess_phase(delayed(75, SeriesDescription="LIVER ART"))
    assert (guess.phase, guess.confidence) == (Phase.UNKNOWN, "conflict")
    assert len(guess.evidence) == 2
    assert guess_phase(header(SeriesDescription="ART + VENOUS")).confidence == "conflict"


def test_unenhanced_with_an_agent_in_the_header_is_a_conflict() -> None:
    assert guess_phase(header(SeriesDescription="LIVER WO")).phase == Phase.UNENHANCED
    assert guess_phase(header(SeriesDescription="LIVER WO", ContrastBolusAgent="NONE")).phase == Phase.UNENHANCED
    guess = guess_phase(header(SeriesDescription="LIVER WO", ContrastBolusAgent="IOHEXOL"))
    assert (guess.phase, guess.confidence) == (Phase.UNKNOWN, "conflict")


def test_the_scanners_own_code_comes_first() -> None:
    guess = guess_phase(delayed(75, SeriesDescription="venous", ContrastBolusAgentPhase="ARTERIAL"))
    assert (guess.phase, guess.confidence) == (Phase.LATE_ARTERIAL, "high")
    shared_group, usage = Dataset(), Dataset()
    usage.ContrastBolusAgentPhase = "PRE_CONTRAST"
    shared_group.ContrastBolusUsageSequence = Sequence([usage])
    enhanced = header(SharedFunctionalGroupsSequence=Sequence([shared_group]))
    assert guess_phase(enhanced).phase == Phase.UNENHANCED
    assert guess_phase(header(ContrastBolusAgentPhase="DYNAMIC", SeriesDescription="ART")).confidence == "medium"


@pytest.mark.parametrize(
    ("code", "phase"),
    [
        *((code, Phase.PORTAL_VENOUS) for code in ("PORTAL VENOUS", "Portal Venous", "PORTALVENOUS", "portal-venous")),
        *((code, Phase.UNENHANCED) for code in ("PRE CONTRAST", "PRE-CONTRAST", "PreContrast")),
        *((code, Phase.DELAYED) for code in ("LATE", "EQUILIBRIUM", "STEADY STATE", "Delayed")),
        *((code, Phase.LATE_ARTERIAL) for code in ("Arterial", "LATE_ARTERIAL", "Late Arterial")),
        ("EARLY ARTERIAL", Phase.EARLY_ARTERIAL),
    ],
)
def test_the_scanners_code_is_understood_however_it_is_spelt(code: str, phase: Phase) -> None:
    with pydicom.config.disable_value_validation():
        guess = guess_phase(header(ContrastBolusAgentPhase=code))
    assert (guess.phase, guess.confidence) == (phase, "high")


def test_evidence_quotes_words_of_the_rules_only() -> None:
    guess = guess_phase(header(SeriesDescription="Muster Maria 4711 late art", ProtocolName="Muster portal"))
    assert not re.search("muster|maria|4711", str(guess), re.IGNORECASE)
    assert "'art'" in str(guess.evidence)


def test_empty_headers_say_nothing() -> None:
    guess = guess_phase(Dataset())
    assert (guess.phase, guess.confidence, guess.evidence) == (Phase.UNKNOWN, "none", ())


@pytest.mark.shared
def test_real_series_names_are_never_taken_for_the_wrong_phase() -> None:
    path = shared / "data/series_names/tcga_lihc_ct_series_folders.csv"
    if not path.is_file():
        pytest.skip("SKIPPED: ../shared/data/series_names not found")
    with path.open(newline="") as file:
        names = {re.sub(r"^\d+-|-\w{5,6}$", "", row["series_folder"]) for row in csv.DictReader(file)}
    truth = {text: phase for text, phase in CASES if text in names}
    assert len(truth) >= 20
    found = {name: phase_by_words(name)[0] for name in names}
    assert {name: found[name] for name in truth} == truth
    # What the eye sees in the list: every name that holds one of these and nothing else.
    for name, phase in found.items():
        plain = name.lower()
        if "art" in plain:
            assert phase == Phase.LATE_ARTERIAL, name
        elif "ven" in plain or "pv" in plain or "portal" in plain:
            assert phase == Phase.PORTAL_VENOUS, name
        elif "delay" in plain or "min" in plain:
            assert phase == Phase.DELAYED, name
        elif re.search(r"\bwo\b|unenh|non-con|dry|c-$", plain):
            assert phase == Phase.UNENHANCED, name
        else:
            assert phase == Phase.UNKNOWN, name
