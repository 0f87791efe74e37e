"""Pictures of the window on the desk, small enough for a repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtGui import QImageWriter

LARGEST = 170_000
"""Bytes of a picture in the repository."""


def save(desk: Any, path: Path) -> None:
    """Save what the window shows, with smooth lines."""
    desk.layout_manager._draw_smoothly()
    for _ in range(5):
        desk.process_events()
    shown = desk.window.grab().toImage()
    for quality in range(93, 40, -4):
        writer = QImageWriter(str(path), b"jpg")
        writer.setOptimizedWrite(True)  # a tenth smaller
        writer.setProgressiveScanWrite(True)
        writer.setQuality(quality)
        writer.write(shown)
        if path.stat().st_size <= LARGEST:
            break
    print(f"{path.name}: {path.stat().st_size // 1000} kB")
