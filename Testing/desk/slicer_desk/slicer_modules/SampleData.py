"""Slicer's module Sample Data, as far as modules register with it; the real one is used where there is its source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer


class SampleDataSource:
    def __init__(
        self,
        sampleName: str | None = None,
        uris: Any = None,
        fileNames: Any = None,
        nodeNames: Any = None,
        customDownloader: Callable[[Any], None] | None = None,
        thumbnailFileName: str | None = None,
    ) -> None:
        lists = [value if isinstance(value, (list, tuple)) else [value] for value in (uris, fileNames, nodeNames)]
        if uris is None or len({len(values) for values in lists}) > 1:
            raise ValueError("All fields of sample data source must have the same length")
        self.sampleName = sampleName
        self.uris, self.fileNames, self.nodeNames = lists
        self.customDownloader = customDownloader
        self.thumbnailFileName = thumbnailFileName


class SampleDataLogic:
    @staticmethod
    def registerCustomSampleDataCategory(category: str, title: str) -> None:
        categories = slicer.modules.__dict__.setdefault("sampleDataSourceCategories", {})
        categories.setdefault(category, {})["title"] = title

    @staticmethod
    def registerCustomSampleDataSource(category: str = "Custom", **fields: Any) -> None:
        sources = slicer.modules.__dict__.setdefault("sampleDataSources", {})
        sources.setdefault(category, []).append(SampleDataSource(**fields))
