"""Heat maps that show nothing: a reader must not take them for maps that were not made, or for cold places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import Problem


def empty_map_problems(
    maps: npt.NDArray[np.floating], names: Sequence[str], *, raised: str, where: str
) -> Iterator[Problem]:
    """The warning that Grad-CAM found no place that speaks for a score; nothing where each map has one.

    Where the layers behind a map weigh each of its places in their own way, the mean gradient may be negative though
    the score is high: then all of the map is rectified away.

    >>> [str(problem) for problem in empty_map_problems(np.zeros((1, 2, 2)), ["T1"], raised="its category", where="CT")]
    ['CT: T1: Grad-CAM found no place that raised its category, so that there is no heat to see.']

    Args:
        maps: ``(N, ...)``, at least 0; those of one name follow each other or not.
        names: what each map is of, as a reader knows it; empty where there is one thing alone.
        raised: what a hot place would have raised, in words.
        where: place of the volume.
    """
    warm = {name for name, one in zip(names, maps, strict=True) if one.max(initial=0.0) > 0}
    cold = [name for name in dict.fromkeys(names) if name not in warm]
    if cold:
        of = f"{', '.join(cold)}: " if any(cold) else ""
        what = f"{of}Grad-CAM found no place that raised {raised}, so that there is no heat to see"
        yield Problem("WARN", what, where)
