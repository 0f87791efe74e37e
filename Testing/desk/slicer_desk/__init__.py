"""A stand-in for the Slicer desktop: slicer-core's scene and views under real Qt widgets, for tests."""
