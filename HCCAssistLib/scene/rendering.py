"""Whether there is a scene to draw in, and whether pictures of it can be made on this machine."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from functools import cache

from HCCAssistLib.errors import Problem

WINDOW_VARIABLE = "VTK_DEFAULT_OPENGL_WINDOW"
WINDOWS = ("vtkEGLRenderWindow", "vtkOSOpenGLRenderWindow")
"""Off-screen windows of VTK on Linux, the better one first (the second needs libosmesa6)."""

INSTALL_MESA = "apt-get install -y libegl1 libgl1-mesa-dri"
INSTALL_SLICER_CORE = 'pip install "slicer-core==5.12.4.0"'

# Renders a red square and reads it back: a window that opens and stays black would pass a weaker test.
_PROBE = """
import vtkmodules.vtkRenderingOpenGL2  # these alone: all of vtk would take half a second longer
from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow, vtkWindowToImageFilter
renderer = vtkRenderer(); renderer.SetBackground(1, 0, 0)
window = vtkRenderWindow(); window.SetOffScreenRendering(1); window.SetSize(16, 16); window.AddRenderer(renderer)
window.Render()
grab = vtkWindowToImageFilter(); grab.SetInput(window); grab.ReadFrontBufferOff(); grab.Update()
raise SystemExit(0 if grab.GetOutput().GetScalarComponentAsDouble(8, 8, 0, 0) == 255 else 3)
"""


def in_slicer() -> bool:
    """Whether this Python belongs to the 3D Slicer application, which brings its own scene and views."""
    return importlib.util.find_spec("slicer") is not None and importlib.util.find_spec("slicer_core") is None


def scene_available() -> Problem | None:
    """Why no scene can be made here, or None where it can."""
    if importlib.util.find_spec("slicer") is not None:
        return None
    return Problem("WARN", "no Slicer scene can be made: slicer-core is not installed", "", INSTALL_SLICER_CORE)


@cache
def rendering_available() -> Problem | None:
    """Why no pictures can be made here, or None where they can; everything else works without them.

    Without an off-screen OpenGL, VTK ends the process with a segmentation fault, so another process tries it first.
    On Linux the window that works is named in the environment for this process.
    """
    if in_slicer():
        return None
    missing = scene_available()
    if missing is not None:
        return missing
    os.environ.setdefault("MESA_SHADER_CACHE_DISABLE", "true")  # it would lie in the user's home folder
    windows: tuple[str, ...] = WINDOWS if sys.platform.startswith("linux") else ("",)
    if WINDOW_VARIABLE in os.environ:
        windows = (os.environ[WINDOW_VARIABLE],)
    for window in windows:
        if _renders(window):
            if window:
                os.environ[WINDOW_VARIABLE] = window
            return None
    return Problem(
        "WARN",
        "no pictures can be made: this machine has no off-screen OpenGL (Mesa)",
        "",
        f"install it: {INSTALL_MESA}",
    )


def _renders(window: str) -> bool:
    environment = {**os.environ, WINDOW_VARIABLE: window} if window else dict(os.environ)
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE], env=environment, capture_output=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return probe.returncode == 0
