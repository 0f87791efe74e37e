"""Deep-learning methods for hepatocellular carcinoma: the library behind the HCCAssist extension of 3D Slicer."""

__version__ = "0.1.0"
