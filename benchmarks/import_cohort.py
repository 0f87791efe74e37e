"""How long ``hccassist import-cohort`` takes: seconds for 1000 files of its first pass, MB per second of its second.

    python benchmarks/import_cohort.py [PATIENTS]

Two archives are made in a temporary folder: one of many small slices (3 series of 12 a patient), since the first pass
reads headers only; and one of 4 patients with 60 slices of 512 x 512 voxels, for the second. On a network disk both
take as long as that disk needs to open the files and to send them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

PHASES = ("unenhanced", "arterial", "portal venous")
SECONDS_PROMISED = 10.0
"""For 1000 files of the first pass, in processor time."""


def write_patient(folder: Path, number: int, phases: tuple[str, ...], slices: int, side: int) -> None:
    """One study of one patient, a folder for each series."""
    study, frame = generate_uid(), generate_uid()
    noise = np.random.default_rng(number).integers(900, 1150, (side, side), dtype=np.uint16)
    for place, phase in enumerate(phases, 2):
        inner = folder / f"patient {number}" / str(place)
        inner.mkdir(parents=True)
        series = generate_uid()
        for k in range(slices):
            meta = FileMetaDataset()
            meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, CTImageStorage
            meta.MediaStorageSOPInstanceUID = generate_uid()
            d = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
            d.SOPClassUID, d.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
            d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID = study, series, frame
            d.PatientID, d.PatientName, d.PatientBirthDate = f"ID {number * 37}", f"Phantom^{number}", "19600101"
            d.StudyDate, d.Modality, d.ImageType = "20230104", "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
            d.SeriesDescription, d.SeriesNumber, d.InstanceNumber = phase, place, k + 1
            d.SliceThickness, d.PixelSpacing = 2.5, [0.8, 0.8]
            d.ImagePositionPatient, d.ImageOrientationPatient = [-200, -200, 2.5 * k], [1, 0, 0, 0, 1, 0]
            d.Rows = d.Columns = side
            d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
            d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 16, 15, 0
            d.RescaleSlope, d.RescaleIntercept = "1", "-1024"
            d.PixelData = np.roll(noise, k, axis=0).tobytes()
            d.save_as(inner / f"{k:04}")


def timed(tree: Path, out: Path) -> tuple[dict, float, float]:
    """What one pass says, its seconds, and its seconds of processor time."""
    command = [sys.executable, "-m", "HCCAssistLib.cli.main", "import-cohort", "dicom", str(tree), str(out)]
    began, before = time.monotonic(), os.times()
    done = subprocess.run(
        [*command, "--recipe", "hepatectomy-recurrence", "--json"], stdout=subprocess.PIPE, text=True, check=True
    )
    seconds, after = time.monotonic() - began, os.times()
    busy = after.children_user + after.children_system - before.children_user - before.children_system
    return json.loads(done.stdout), seconds, busy


def main(patients: int) -> int:
    """Make both archives, and time the passes."""
    with tempfile.TemporaryDirectory(prefix="hccassist-benchmark-") as name:
        small, large = Path(name) / "small", Path(name) / "large"
        for number in range(patients):
            write_patient(small, number, PHASES, 12, 32)
        for number in range(4):
            write_patient(large, number, ("arterial",), 60, 512)
        said, seconds, busy = timed(small, Path(name) / "a")
        files = said["files"]
        per_thousand = 1000 * busy / files
        print(
            f"first pass: {files} files, {said['series']} series, {said['proposed']} roles proposed in {seconds:.1f} s"
        )
        print(f"{1000 * seconds / files:.2f} s for 1000 files, {per_thousand:.2f} s of processor time")
        _, seconds, _ = timed(small, Path(name) / "a")
        print(f"second pass of these small series, whose files are known by now: {seconds:.1f} s")
        timed(large, Path(name) / "b")
        said, seconds, _ = timed(large, Path(name) / "b")
        megabytes = 4 * 60 * 512 * 512 * 2 / 1e6
        packed = sum(path.stat().st_size for path in (Path(name) / "b").rglob("*.nrrd")) / 1e6
        print(f"second pass: {len(said['written'])} volumes of {megabytes:.0f} MB in {seconds:.1f} s")
        print(f"{megabytes / seconds:.0f} MB/s, {1000 * busy / megabytes:.0f} s of processor time for 1 GB")
        print(f"packed to {100 * packed / megabytes:.0f} % (noise packs worse than a CT)")
        print(f"promised: {SECONDS_PROMISED} s of processor time for 1000 files")
    return 0 if per_thousand <= SECONDS_PROMISED else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
