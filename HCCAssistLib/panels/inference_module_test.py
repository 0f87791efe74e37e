"""What the self-tests share of the modules that run one method: a scan, an untrained model, a run to its last event."""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleTest


class InferenceModuleTest(ScriptedLoadableModuleTest):
    """An empty scene with a scan, an empty store of models; a run needs PyTorch, all else goes without."""

    LOGIC: Any
    """The module's logic."""
    BALL_RAS = (12.0, -9.0, 18.0)
    """Where the scan has its bright ball of 8 mm radius."""

    def setUp(self) -> None:
        """An empty scene, an empty store of models, a scan."""
        from HCCAssistLib.models.store import ModelStore

        slicer.mrmlScene.Clear(0)
        self.folder = tempfile.TemporaryDirectory()
        self.logic = self.LOGIC(store=ModelStore(Path(self.folder.name) / "models"))
        self.volume = self.makeVolume()
        self.logic.session.choose(self.volume)

    def tearDown(self) -> None:
        """No worker and no file stays."""
        self.logic.session.close()
        self.folder.cleanup()
        slicer.mrmlScene.Clear(0)

    def makeVolume(self) -> Any:
        """Soft tissue with a bright ball; voxels of 1.5 x 1.5 x 3 mm, stored as most scanners do."""
        import numpy as np

        ijkToRas = np.array([[-1.5, 0, 0, 60.0], [0, -1.5, 0, 55.0], [0, 0, 3.0, -30.0], [0, 0, 0, 1.0]])
        k, j, i = np.indices((24, 72, 80))
        ras = np.stack([i, j, k, np.ones_like(i)], axis=-1) @ ijkToRas.T
        away = np.linalg.norm(ras[..., :3] - self.BALL_RAS, axis=-1)
        return slicer.util.addVolumeFromArray(np.where(away < 8, 150, 60).astype(np.int16), ijkToRas, name="CT")

    def assertBoxAtBall(self, review: Any) -> None:
        """The first box of a review is drawn round the ball."""
        for drawn, meant in zip(review.drawn.boxes[1].GetCenterWorld(), self.BALL_RAS, strict=True):
            self.assertAlmostEqual(drawn, meant, delta=0.01)

    def restoredResult(self) -> Any:
        """What another session finds in the scene of this one's result."""
        again = self.LOGIC(store=self.logic.store)
        try:
            again.session.restore()
            return again.session.review_of(self.volume).result
        finally:
            again.session.close()

    def resultOfRun(
        self, chosen: Any, options: Mapping[str, Any], run_options: Mapping[str, Any], **card: Any
    ) -> Any | None:
        """The result of an untrained network in the worker; None, with a sentence, without PyTorch."""
        absent = [name for name in ("torch", "safetensors") if importlib.util.find_spec(name) is None]
        if absent:
            self.delayDisplay(f"The run itself is not tested: {' and '.join(absent)} not installed.")
            return None
        from HCCAssistLib.jobs.requests import Request
        from HCCAssistLib.models.package import write_package

        recipe = self.logic.recipe
        resolved = recipe.resolve(options)
        package = write_package(
            Path(self.folder.name) / "untrained",
            [{"": recipe.module("network").build(resolved).state_dict()}],
            name="untrained",
            recipe=recipe,
            options=resolved,
            input_spec={},
            training={},
            software={},
            **card,
        )
        session, events, end = self.logic.session, list[Any](), time.monotonic() + 120
        session.run(chosen, Request(package.folder, run_options, "cpu"))
        while session.running and time.monotonic() < end:
            slicer.app.processEvents()
            time.sleep(0.02)
            events += session.poll()
        self.assertEqual(events[-1].kind, "done", events[-1].message)
        self.assertIs(session.current.scan, self.volume)
        return session.current.result
