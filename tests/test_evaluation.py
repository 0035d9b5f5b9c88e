"""Metrics, intervals, verdicts, preprocessing, and the limits of the worker; TensorFlow runs in the demo's tests."""

from __future__ import annotations

import math
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import keras_file, npz
from scipy.optimize import minimize_scalar
from sklearn.metrics import accuracy_score, log_loss, recall_score

from mdrepo.caching import Cache
from mdrepo.errors import Finding, MdrepoError
from mdrepo.evaluation import data, loading, planning, predictions, preprocessing, requests
from mdrepo.evaluation.comparison import compare, measure
from mdrepo.evaluation.decisions import overall, verdict
from mdrepo.evaluation.intervals import Interval, resampled_mean, tango
from mdrepo.evaluation.scoring import probabilities, score
from mdrepo.evaluation.terms import terms

LABELS = [{"name": name, "index": index} for index, name in enumerate("abcd")]


def some(seed: int, count: int = 200) -> tuple[Any, list[str]]:
    random = np.random.default_rng(seed)
    outputs = random.dirichlet(np.ones(4), count)
    return outputs, ["abcd"[i] for i in random.integers(0, 4, count)]


@pytest.mark.parametrize("seed", range(20))
def test_metrics_are_scikit_learns(seed: int) -> None:
    outputs, truth = some(seed)
    scored = score(outputs, {"labels": LABELS}, truth)
    answers = ["abcd"[i] for i in outputs.argmax(axis=1)]
    made = measure(scored, terms({"labels": LABELS}))
    assert made["metrics"]["accuracy"] == pytest.approx(accuracy_score(truth, answers), abs=1e-6)
    assert made["metrics"]["loss"] == pytest.approx(log_loss(truth, outputs, labels=list("abcd")), rel=1e-5)
    shares = recall_score(truth, answers, labels=list("abcd"), average=None)
    ours = {row["label"]: row["value"] for row in made["recall"]}
    assert [ours[name] for name in "abcd"] == pytest.approx(list(shares), abs=1e-6)


def test_the_label_map_and_the_decision_rule_are_used() -> None:
    outputs = np.array([[0.7, 0.3], [0.4, 0.6], [0.45, 0.55]], np.float32)
    labels = [{"name": "yes", "index": 0}, {"name": "no", "index": 1}]
    truth = ["yes", "no", "yes"]
    assert score(outputs, {"labels": labels}, truth).correct.tolist() == [True, True, False]
    swapped = [{"name": "yes", "index": 1}, {"name": "no", "index": 0}]
    assert score(outputs, {"labels": swapped}, truth).correct.tolist() == [False, False, True]
    strict = {"rule": "threshold", "thresholds": {"no": 0.58}}
    assert score(outputs, {"labels": labels, "decision": strict}, truth).correct.tolist() == [True, True, True]
    none = {"rule": "threshold", "thresholds": {"no": 0.9, "yes": 0.9}}
    assert score(outputs, {"labels": labels, "decision": none}, truth).correct.tolist() == [False, False, False]


def test_a_class_that_the_model_does_not_know_is_wrong_and_finite() -> None:
    scored = score(np.array([[0.9, 0.1]]), {"labels": LABELS[:2]}, ["d"])
    assert scored.correct.tolist() == [False]
    assert scored.losses.tolist() == [pytest.approx(-math.log(1e-7))]


def test_logits_single_columns_and_temperature() -> None:
    logits = np.array([[2.0, 0.0], [-30.0, 30.0]])
    assert probabilities(logits)[0] == pytest.approx([1 / (1 + math.exp(-2)), 1 / (1 + math.exp(2))])
    assert probabilities(np.array([[0.25], [0.75]])).tolist() == [[0.75, 0.25], [0.25, 0.75]]
    warm = probabilities(np.array([[0.8, 0.2]]), temperature=2.0)[0]
    assert warm == pytest.approx([2 / 3, 1 / 3])


@pytest.mark.parametrize(
    ("outputs", "labels", "words"),
    [
        (np.zeros((2, 3, 1)), LABELS, "3 dimensions"),
        (np.full((2, 4), 0.25), LABELS[:3], "do not stand for the model's 4 outputs"),
        (np.full((3, 4), 0.25), LABELS, "3 outputs for 2 right answers"),
        (np.full((2, 4), 0.25), [], "has no labels"),
    ],
)
def test_outputs_that_do_not_fit(outputs: Any, labels: Any, words: str) -> None:
    with pytest.raises(Finding, match=words):
        score(outputs, {"labels": labels}, ["a", "b"])


@pytest.mark.parametrize(
    ("better", "worse", "total"), [(0, 0, 50), (3, 1, 50), (12, 2, 50), (0, 9, 40), (25, 25, 50), (1, 0, 1000)]
)
def test_tango_s_interval_inverts_the_score_test(better: int, worse: int, total: int) -> None:
    """At each end the score statistic, with the nuisance parameter fitted by scipy, is the normal quantile."""
    interval = tango(better, worse, total, 0.95)

    def statistic(difference: float) -> float:
        def loss(share: float) -> float:
            up, down, rest = share + difference, share, 1 - 2 * share - difference
            parts = ((better, up), (worse, down), (total - better - worse, rest))
            return -sum(count * math.log(max(chance, 1e-300)) for count, chance in parts if count)

        low, high = max(0.0, -difference), (1 - difference) / 2
        share = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-14}).x
        return (better - worse - total * difference) / math.sqrt(total * (2 * share + difference * (1 - difference)))

    assert -1 <= interval.low <= (better - worse) / total <= interval.high <= 1
    assert statistic(interval.low) == pytest.approx(1.959964, abs=2e-3)
    assert statistic(interval.high) == pytest.approx(-1.959964, abs=2e-3)


def test_without_disagreement_the_interval_is_not_empty() -> None:
    interval = tango(0, 0, 100, 0.95)
    expected = 1.959964**2 / (100 + 1.959964**2)
    assert (interval.low, interval.high) == (pytest.approx(-expected, abs=1e-5), pytest.approx(expected, abs=1e-5))


@pytest.mark.parametrize(("count", "disagreement"), [(50, 0.1), (500, 0.02), (2000, 0.1)])
def test_a_child_that_is_worse_by_the_tolerance_passes_rarely(count: int, disagreement: float) -> None:
    """Simulated at the edge: wrong verdicts in 2,000 runs stay near the 2.5 % of one side of a 95 % interval."""
    random = np.random.default_rng(1)
    tolerance = 0.01
    up, down = (disagreement - tolerance) / 2, (disagreement + tolerance) / 2
    draws = random.multinomial(count, [up, down, 1 - up - down], 2000)
    told = [verdict(tango(int(b), int(w), count, 0.95), tolerance, higher_is_better=True) for b, w, _ in draws]
    assert sum(each in ("improved", "unchanged") for each in told) / 2000 < 0.035
    assert sum(each == "regressed" for each in told) / 2000 < 0.035


def test_verdicts() -> None:
    def told(low: float, high: float, higher: bool = True) -> str:
        return verdict(Interval(low, high), 0.01, higher_is_better=higher)

    assert told(0.001, 0.02) == "improved"
    assert told(-0.005, 0.02) == "unchanged"
    assert told(-0.02, 0.02) == "inconclusive"
    assert told(-0.05, -0.02) == "regressed"
    assert told(0.02, 0.05, higher=False) == "regressed"
    assert told(-0.05, -0.02, higher=False) == "improved"
    assert overall(["improved", "unchanged"]) == "improved"
    assert overall(["improved", "inconclusive"]) == "inconclusive"
    assert overall(["regressed", "inconclusive"]) == "regressed"


def test_a_comparison_is_paired_and_the_same_every_time() -> None:
    outputs, truth = some(3, 400)
    parent = score(outputs, {"labels": LABELS}, truth)
    swapped = [{"name": name, "index": index} for index, name in enumerate("bacd")]
    child = score(outputs, {"labels": swapped}, truth)
    first, second = (compare(parent, child, terms({"evaluation": {"tolerance": {"accuracy": 0.01}}})) for _ in range(2))
    assert first == second
    assert first["negative_flips"] == int((parent.correct & ~child.correct).sum())
    assert {row["label"] for row in first["recall"][:1]} <= {"a", "b"}
    same = compare(parent, parent, terms({}))
    assert same["verdict"] in ("unchanged", "inconclusive")
    assert same["differences"][0]["difference"] == 0


def test_the_bootstrap_covers_the_mean() -> None:
    values = np.random.default_rng(0).normal(0.3, 1, 500)
    interval = resampled_mean(values, lambda: 0.0).interval(0.95)
    error = values.std() / math.sqrt(500)
    assert interval.low == pytest.approx(values.mean() - 1.96 * error, abs=0.02)
    assert interval.high == pytest.approx(values.mean() + 1.96 * error, abs=0.02)


def test_preprocessing_steps() -> None:
    raw = np.array([[0, 16], [8, 4]], np.uint8)
    steps = [
        {"op": "rescale", "scale": 0.0625},
        {"op": "normalize", "mean": [0.5], "std": [0.5]},
        {"op": "reshape", "shape": [2, 1]},
    ]
    done = preprocessing.apply(raw, steps)
    assert done.shape == (2, 2, 1)
    assert done.ravel().tolist() == [-1.0, 1.0, 0.0, -0.5]
    assert preprocessing.apply(raw, [{"op": "cast", "dtype": "float64"}]).dtype == np.float64
    with pytest.raises(Finding, match="#/preprocessing/0"):
        preprocessing.apply(raw, [{"op": "reshape", "shape": [3]}])


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": [[1.0]], "z": [1]}, "no array or column 'y'"),
        ({"x": [[1.0]], "y": []}, "are empty"),
        ({"x": [[1.0]], "y": [7]}, "classes do not list: 7"),
    ],
)
def test_wrong_answers_are_named(tmp_path: Path, arrays: Any, words: str) -> None:
    file = tmp_path / "d.npz"
    file.write_bytes(npz(**arrays))
    dataset = {"target": "y", "classes": [{"value": 1, "name": "one"}]}
    with pytest.raises(Finding, match=words):
        data.truth(file, ".npz", dataset)


def test_inputs_from_arrays_and_columns(tmp_path: Path) -> None:
    file = tmp_path / "d.csv"
    file.write_text("a,b,c\n1,2,x\n3,4,y\n")
    assert data.inputs(file, ".csv", ["a", "b"]).tolist() == [[1, 2], [3, 4]]
    with pytest.raises(Finding, match="are no numbers"):
        data.inputs(file, ".csv", ["c"])
    file.write_text("a,b\n1,\n")
    with pytest.raises(Finding, match="missing values"):
        data.inputs(file, ".csv", ["a", "b"])
    with pytest.raises(Finding, match="cannot be evaluated on"):
        data.inputs(file, ".xyz", ["a"])


def whole(found: data.Inputs) -> Any:
    return np.concatenate(list(found.chunks()))


def test_inputs_that_are_read_piece_by_piece_are_those_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "_CHUNK", 1000)
    random = np.random.default_rng(0)
    arrays = {
        "rows": random.normal(size=(300, 5, 2)).astype(">f4"),
        "bytes": random.integers(0, 256, (300, 7)).astype("u1"),
        "flat": random.normal(size=300),
        "columns": np.asfortranarray(random.normal(size=(300, 4))),
        "wide": random.normal(size=(300, 500)),
    }
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "d.npz", **arrays)  # type: ignore[operator]
        for name in arrays:
            expected = data.inputs(tmp_path / "d.npz", ".npz", [name])
            found = data.Inputs(tmp_path / "d.npz", ".npz", [name], None)
            made = whole(found)
            assert found.count == 300
            assert made.dtype == expected.dtype.newbyteorder("=")
            assert np.array_equal(made, expected)
            some = data.Inputs(tmp_path / "d.npz", ".npz", [name], [10, 60, 300, "ab"])
            assert some.count == 50
            assert np.array_equal(whole(some), expected[planning.sample(300, 60, "ab", 10)])
    (tmp_path / "d.csv").write_text("a,b\n" + "1,2.5\n" * 300)
    assert whole(data.Inputs(tmp_path / "d.csv", ".csv", ["a", "b"], [0, 2, 300, "x"])).tolist() == [[1, 2.5]] * 2
    chunks = [np.arange(start, end) for start, end in ((0, 3), (3, 3), (3, 40), (40, 41))]
    assert [each.tolist() for each in loading.batches(chunks, 16)] == [[*range(16)], [*range(16, 32)], [*range(32, 41)]]


def test_a_chunk_is_made_while_the_one_before_it_is_used() -> None:
    events = [threading.Event() for _ in range(4)]

    def chunks() -> Iterator[Any]:
        for place, event in enumerate(events):
            event.set()
            yield np.full(3, place)
        raise Finding("what is wrong with the rest")

    made = data.ahead(chunks())
    for place in range(4):
        assert next(made).tolist() == [place] * 3
        assert all(event.wait(10) for event in events[: place + 2])
    with pytest.raises(Finding, match="with the rest"):
        next(made)


@pytest.mark.parametrize(
    ("shape", "expected"), [((70, 100, 100), [32, 32, 6]), ((40, 300, 100), [17, 17, 6]), ((3, 1000, 1000), [1, 1, 1])]
)
def test_chunks_are_whole_batches_where_those_are_small_enough(tmp_path: Path, shape: tuple[int, ...], expected: list[int]) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros(shape))
    assert [len(each) for each in data.Inputs(tmp_path / "d.npz", ".npz", ["x"], None).chunks()] == expected


def test_inputs_that_are_read_piece_by_piece_take_little_memory(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.ones((100, 100, 1000), np.float64), y=np.zeros(100))
    tracemalloc.start()
    found = data.Inputs(tmp_path / "d.npz", ".npz", ["x"], None)
    assert sum(len(each) for each in found.chunks()) == 100
    assert data.columns(tmp_path / "d.npz", ".npz", ["y"])["y"].tolist() == [0] * 100
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20 << 20, "of 76 MiB"


def test_what_is_wrong_with_inputs_is_said_when_it_is_come_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "_CHUNK", 1000)
    file = tmp_path / "d.npz"
    x = np.ones((300, 5))
    x[299, 4] = np.nan
    file.write_bytes(npz(x=x, text=["a"] * 300))
    with pytest.raises(Finding, match="missing values"):
        whole(data.Inputs(file, ".npz", ["x"], None))
    with pytest.raises(Finding, match="no numbers"):
        whole(data.Inputs(file, ".npz", ["text"], None))
    with pytest.raises(Finding, match="no array or column 'z'"):
        data.Inputs(file, ".npz", ["z"], None)
    with pytest.raises(Finding, match="300 inputs for 299 right answers"):
        data.Inputs(file, ".npz", ["x"], [0, 10, 299, "ab"])
    content = bytearray(npz(x=np.ones((300, 5))))
    content[6000] ^= 1
    file.write_bytes(content)
    with pytest.raises(Finding, match="broken zip archive"):
        whole(data.Inputs(file, ".npz", ["x"], None))


def request(tmp_path: Path, model: bytes = b"", **arrays: Any) -> requests.Request:
    (tmp_path / "m").write_bytes(model or keras_file(3))
    (tmp_path / "d").write_bytes(npz(**(arrays or {"x": [[1.0] * 4] * 9})))
    return requests.Request("m.keras", "0" * 32, "d.npz", "1" * 32, ("x",), [], lambda _: (tmp_path / "m", tmp_path / "d"))


def run(tmp_path: Path, asked: requests.Request, seconds: int = 120, memory: int = 16) -> Any:
    cache = Cache(tmp_path / "cache")
    return predictions.outputs([asked], cache, predictions.Limits(seconds, memory), lambda _: None)[0]


def test_the_worker_s_time_is_limited(tmp_path: Path) -> None:
    with pytest.raises(MdrepoError, match="was not done after 1 s"):
        run(tmp_path, request(tmp_path, x=np.zeros((3_000_000, 4), np.float32)), seconds=1)


def test_the_worker_s_memory_is_limited(tmp_path: Path) -> None:
    big = npz(x=np.zeros((24_000_000, 4), np.float64, order="F"))  # by columns, so that it is read whole
    asked = request(tmp_path)
    (tmp_path / "d").write_bytes(big)
    with pytest.raises(MdrepoError) as caught:
        run(tmp_path, asked, memory=1)
    assert "GiB" in caught.value.message or "died" in caught.value.message


def test_a_cache_file_that_was_cut_or_changed_counts_as_none(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    assert cache.put("outputs", "k", b"content")
    assert cache.get("outputs", "k") == b"content"
    file = tmp_path / "cache/outputs/k"
    file.write_bytes(file.read_bytes()[:-1])
    assert cache.get("outputs", "k") is None
    cache.put("outputs", "k", b"content")
    file.write_bytes(file.read_bytes().replace(b"content", b"contend"))
    assert cache.get("outputs", "k") is None
    assert Cache(Path("/proc/nowhere")).put("outputs", "k", b"x") is False


def test_the_cache_is_bounded(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit=300_000)
    for number in range(5):
        cache.put("outputs", str(number), bytes(100_000))
    assert sum(file.stat().st_size for file in (tmp_path / "cache").rglob("*") if file.is_file()) <= 300_000
    assert cache.get("outputs", "4") is not None


def test_scores_are_frozen_values() -> None:
    with pytest.raises(AttributeError):
        score(np.array([[0.9, 0.1]]), {"labels": LABELS[:2]}, ["a"]).answers = np.array([1])  # type: ignore[misc]
