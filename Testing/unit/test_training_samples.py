"""Samples: named arrays of any kind that stay together, know their cases and survive their file."""

from pathlib import Path

import numpy as np
import pytest

from HCCAssistLib.errors import InputError
from HCCAssistLib.training.samples import Origin, Samples, joined


def of_case(name: str, labels: list[int], *, split: str = "train", lesions: list[int] | None = None) -> Samples:
    rng = np.random.default_rng(list(name.encode()))
    arrays = {
        "case": np.zeros(len(labels), np.int32),
        "label": np.array(labels, np.uint8),
        "lesion": np.array(lesions or [-1] * len(labels), np.int32),
        "voxels": rng.normal(size=(len(labels), 3, 4)).astype(np.float32),
        "mask": rng.random((len(labels), 3, 4)) > 0.5,
    }
    return Samples(arrays, (Origin(name, f"patient of {name}", split, ("digest",)),))


def test_what_a_network_sees_what_it_learns_and_where_it_came_from_are_told_apart() -> None:
    one = of_case("a", [0, 1, 1])
    assert set(one.inputs) == {"voxels", "mask"}
    assert set(one.targets) == {"label"}
    assert set(one.without_inputs().arrays) == {"case", "label", "lesion"}
    assert one.counts() == {0: 1, 1: 2}


def test_joined_samples_keep_their_cases_and_are_found_by_them() -> None:
    both = joined([of_case("a", [0, 4, 4]), of_case("b", [], split="test"), of_case("c", [2], split="validation")])
    assert both["case"].tolist() == [0, 0, 0, 2]
    assert list(both.cases()) == ["a", "c"], "a case without samples has none"
    assert both.counts() == {0: 1, 2: 1, 4: 2}
    assert both.of_split("validation").patients.tolist() == ["patient of c"]
    assert both.of_cases(["c"]).labels.tolist() == [2]
    assert both.of_split("test").counts() == {}


def test_samples_survive_their_file_and_refuse_a_damaged_one(tmp_path: Path) -> None:
    both = joined([of_case("a", [0, 1]), of_case("b", [1])])
    path = tmp_path / "samples.safetensors"
    both.save(path)
    read = Samples.load(path)
    assert read.digest() == both.digest()
    assert read.origins == both.origins
    assert {n: a.dtype for n, a in read.arrays.items()} == {n: a.dtype for n, a in both.arrays.items()}
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="cannot be read"):
        Samples.load(path)


def test_views_are_written_as_what_they_show(tmp_path: Path) -> None:
    """safetensors writes the memory of a transposed or reversed array, which is another array."""
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    odd = Samples({"case": [0, 0, 0, 0], "voxels": voxels.T[::-1]}, (Origin("a", "a", ""),))
    odd.save(tmp_path / "s.safetensors")
    assert np.array_equal(Samples.load(tmp_path / "s.safetensors")["voxels"], voxels.T[::-1])


@pytest.mark.parametrize("change", ["value", "label", "dtype", "patient", "split", "name"])
def test_a_digest_tells_every_change(change: str) -> None:
    one = of_case("a", [0, 1])
    arrays, origin = dict(one.arrays), one.origins[0]
    if change == "value":
        arrays["voxels"] = arrays["voxels"] + np.float32(1e-6)
    elif change == "label":
        arrays["label"] = arrays["label"][::-1]
    elif change == "dtype":
        arrays["label"] = arrays["label"].astype(np.int8)
    elif change == "name":
        arrays["hu"] = arrays.pop("voxels")
    else:
        origin = origin._replace(**{"patient": {"patient_id": "q"}, "split": {"split": "test"}}[change])
    assert Samples(arrays, (origin,)).digest() != one.digest()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"label": [0, 1]}, "needs its case"),
        ({"case": [0, 0], "label": [0]}, "differ in length"),
        ({"case": [0], "label": ["A"]}, "label holds no numbers"),
        ({"case": [1], "label": [0]}, "not listed"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays: dict[str, list[object]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Samples({n: np.array(a) for n, a in arrays.items()}, (Origin("a", "a", ""),))


def test_shuffled_labels_stay_together_within_a_lesion() -> None:
    both = joined([of_case(f"p{n}", [1] * 10 + [0] * 10, lesions=[0] * 10 + [-1] * 10) for n in range(30)])
    shuffled = both.permuted(seed=1)
    for case in range(30):
        for lesion in (-1, 0):
            group = shuffled.labels[(both["case"] == case) & (both["lesion"] == lesion)]
            assert len(np.unique(group)) == 1
    assert sorted(shuffled.labels) == sorted(both.labels)
    assert 0.3 < (shuffled.labels == both.labels).mean() < 0.7


def test_months_and_event_of_a_case_are_shuffled_together() -> None:
    count = 40
    arrays = {"case": np.arange(count), "time": np.arange(count, dtype=float), "event": np.arange(count) % 2}
    shuffled = Samples(arrays, tuple(Origin(f"c{n}", f"p{n}", "") for n in range(count))).permuted(seed=2)
    assert (shuffled["time"] % 2 == shuffled["event"]).all()
    assert (shuffled["time"] != np.arange(count)).mean() > 0.8
    assert sorted(shuffled["time"]) == list(range(count))
