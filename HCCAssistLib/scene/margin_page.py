"""The report page of a margin that stands in the scene, written in a thread."""

from __future__ import annotations

from pathlib import Path

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import atomic_file
from HCCAssistLib.margin.case import MarginCase
from HCCAssistLib.scene.in_thread import InThread
from HCCAssistLib.scene.inputs import capture_segment, capture_volume
from HCCAssistLib.scene.margin import DrawnMargin, detected_candidates
from HCCAssistLib.scene.margin_work import LIVER, SEGMENTS, TUMOUR, ZONE, ChosenMargin


class PageWork(InThread[Path]):
    """Writes in a thread, one at a time."""

    def write(self, drawn: DrawnMargin, chosen: ChosenMargin, path: Path) -> None:
        """Hold what the page shows, and begin to write.

        Args:
            drawn: the margin.
            chosen: segments that it was measured on.
            path: of the page.

        Raises:
            InputError: a segment that is not there any more, or something goes on already.
        """
        record = drawn.record
        reads = {name: capture_segment(*held) for name, held in chosen.segments.items() if held[1]}
        scans = [chosen.scan(name) for name in (TUMOUR, ZONE)]
        volumes = [None if scan is None else capture_volume(scan) for scan in scans]
        candidates = detected_candidates(drawn.node.GetScene()) or None

        def write() -> Path:
            from HCCAssistLib.margin.report import margin_page  # brings matplotlib

            masks = {name: read().mask for name, read in reads.items()}
            if {SEGMENTS[name]: mask.digest() for name, mask in masks.items()} != dict(record.inputs):
                what = "the segments that are chosen are not those that were measured, or were changed since"
                raise InputError(what, "report page", "measure the margin again")
            before, after = (None if volume is None else volume.read() for volume in volumes)
            page = margin_page(
                MarginCase(record, masks[TUMOUR], masks[ZONE], masks.get(LIVER), before, after), candidates
            )
            with atomic_file(path) as part:
                part.write_text(page, encoding="utf-8")
            return path

        self.begin(write)
