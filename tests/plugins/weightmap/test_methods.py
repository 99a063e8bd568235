"""Both methods through the engine: which parameters change in each phase, resuming, early stopping, and learning."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import wsol
from tests.support.weightmap_parts import CLASSES, COUNT, CROP, assert_equal, build, loader, run, squares, state_of
from wsol.data.views import TrainData
from wsol_weightmap.losses import completeness, triplet
from wsol_weightmap.sampling import held_out

METHODS = ["weightmap1", "weightmap2"]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data() -> TrainData:
    return squares()


def batch_of(data: TrainData, method: Any, rows: list[int]) -> wsol.Batch:
    crops = [wsol.RandomCrop(CROP)]
    (batch,) = loader(data, method).training_batches([torch.tensor(rows)], crops, torch.Generator())
    return batch


# Steps


@pytest.mark.parametrize("target", ["soft", "hard", "label"])
def test_the_loss_of_method_1_by_hand(data: TrainData, target: str) -> None:
    method = build("weightmap1", sparsity=0.5, target=target).eval()
    batch = batch_of(data, method, [0, 1, 2, 3])
    (losses,) = method.generate(batch)
    maps = method.generator(batch.images)
    log_q = method.classifier(batch.images * maps).log_softmax(1)
    p = method.classifier(batch.images).softmax(1)
    wanted = {"soft": p, "hard": F.one_hot(p.argmax(1), CLASSES), "label": batch.targets}[target]
    torch.testing.assert_close(losses["discrepancy"], -(wanted * log_q).sum(1).mean())
    torch.testing.assert_close(losses["sparsity"], 0.5 * maps.abs().sum() / maps.numel())


@pytest.mark.parametrize("unit_length", [False, True])
def test_the_losses_of_method_2_by_hand(data: TrainData, unit_length: bool) -> None:
    method = build("weightmap2", inner=2, outer=3, sparsity=0.5, unit_length=unit_length, margin=0.7).eval()
    batch = batch_of(data, method, [0, 1, 3, 4, 2, 6])

    def f(images: torch.Tensor) -> torch.Tensor:
        vectors = method.classifier(images)
        return vectors / vectors.norm(dim=1, keepdim=True) if unit_length else vectors

    (taught,) = method.teach(batch)
    a, p, n = batch.images[:2], batch.images[2:4], batch.images[4:]
    torch.testing.assert_close(taught["triplet"], triplet(f(a), f(p), f(n), 0.7))
    (losses,) = method.generate(batch)
    g = method.generator
    ja, jp, jn, jb = g(a) * a, g(p) * p, g(n) * n, (1 - g(a)) * a
    torch.testing.assert_close(losses["inner"], 2 * triplet(f(a), f(ja), f(jb), 0.7))
    torch.testing.assert_close(losses["outer"], 3 * triplet(f(ja), f(jp), f(jn), 0.7))
    torch.testing.assert_close(losses["sparsity"], 0.5 * g(a).mean())


@pytest.mark.parametrize("term", ["inner", "outer", "sparsity"])
def test_a_weight_of_zero_disables_a_term(data: TrainData, term: str) -> None:
    method = build("weightmap2", **{term: 0.0})
    (losses,) = method.generate(batch_of(data, method, [0, 1, 3, 4, 2, 6]))
    assert losses[term].item() == 0
    assert min(v.item() for k, v in losses.items() if k != term) > 0


# Phases


def parts_moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {k.split(".")[0] for k in after if not torch.equal(before[k], after[k])}


@pytest.mark.parametrize("name", METHODS)
def test_each_phase_moves_one_network(data: TrainData, name: str) -> None:
    method = build(name, epochs=3, free_epochs=1)
    start = state_of(method)
    seen = [("", start)]
    state = run(method, data, on_epoch=lambda log, done: seen.append((log.phase, state_of(method))))
    names = [phase for phase, _ in seen]
    assert names == ["", "teach", "teach", "generate_free", "generate", "generate"]
    moved = [parts_moved(a, b) for (_, a), (_, b) in itertools.pairwise(seen)]
    assert moved == [{"classifier"}] * 2 + [{"generator"}] * 3
    assert [log.score is not None for log in state.history] == [False] * 3 + [True] * 2
    trained = {k for k, p in method.named_parameters()}
    assert [k for k in trained if torch.equal(start[k], seen[-1][1][k])] == []
    assert [log.lr for log in state.history] == pytest.approx([0.02] * 5)


@pytest.mark.parametrize("name", METHODS)
def test_resuming_in_the_middle_of_each_phase_equals_an_uninterrupted_run(
    data: TrainData, tmp_path: Path, name: str
) -> None:
    def fresh() -> Any:
        return build(name, epochs=4, free_epochs=2)

    whole = fresh()
    history = run(whole, data).history
    for after in (1, 3, 5):  # of two epochs each
        path = tmp_path / f"{after}.pt"

        def stop(log: Any, done: int, after: int = after) -> None:
            if done == after:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(fresh(), data, path, stop)
        torch.rand(5)
        resumed = fresh()
        state = run(resumed, data, path)
        assert [(log.losses, log.score) for log in state.history] == [(log.losses, log.score) for log in history]
        assert_equal(state_of(resumed), state_of(whole))


def test_the_epoch_with_the_most_complete_maps_is_kept(data: TrainData, monkeypatch: pytest.MonkeyPatch) -> None:
    method = build("weightmap1", epochs=4)
    scores, states = iter([0.2, 0.9, 0.9, 0.1]), []
    monkeypatch.setattr(type(method), "score", lambda self, rows, train: next(scores))
    run(method, data, on_epoch=lambda log, done: states.append(state_of(method)))
    assert_equal(state_of(method), states[3])  # two epochs of f, then the second of g
    last = build("weightmap1", epochs=4, held_out=0)
    assert [log.score for log in run(last, data).history] == [None] * 6


def test_the_score_is_the_mean_over_held_out_images(data: TrainData) -> None:
    method = build("weightmap1").eval()
    kept, apart = held_out(COUNT, 0.2)
    assert len(apart) == 5
    (batch,) = loader(data, method).batches(apart.tolist())
    layer = method.generator.last[-1]
    with torch.no_grad():
        spread, middle = torch.std_mean(method.generator(batch.images).logit())
        layer.bias.sub_(middle + spread).mul_(6 / spread)  # mostly dark, with some bright spots
        layer.weight.mul_(6 / spread)
        maps = method.generator(batch.images)[:, 0].double().numpy()
        found = method.score(apart, loader(data, method))
    assert found == pytest.approx(sum(completeness(m) for m in maps) / 5)
    assert 0 < found < 1
    phases = {phase.name: phase for phase in method.phases(loader(data, method))}
    for phase, rows in [("teach", set(range(COUNT))), ("generate", set(kept.tolist()))]:
        seen = torch.cat(list(phases[phase].sampler(torch.as_tensor(data.labels), 4, torch.Generator())))
        assert set(seen.tolist()) == rows


def test_a_new_generator_scores_0_or_1_depending_on_whole_box(data: TrainData) -> None:
    _, apart = held_out(COUNT, 0.2)
    for values, expected in (({}, 0), ({"whole_box": 0}, 0), ({"whole_box": 1}, 1)):
        method = build("weightmap1", **values).eval()
        with torch.no_grad():
            assert method.score(apart, loader(data, method)) == expected


def test_f_has_a_schedule_and_a_backbone_of_its_own(data: TrainData) -> None:
    f = {"backbone": {"name": "tiny", "stride": 4}, "lr": 0.02, "epochs": 4, "batch_size": 6, "decay_every": 2}
    method = build("weightmap1", epochs=1, f=f)
    assert method.classifier.features(torch.zeros(1, 3, 32, 32)).shape == (1, 96, 8, 8)
    assert method.generator.features(torch.zeros(1, 3, 32, 32)).shape == (1, 96, 4, 4)
    teach = next(method.phases(loader(data, method)))
    assert [teach.lr_factor(epoch, 4) for epoch in (1, 2, 3, 4)] == pytest.approx([1, 0.1, 0.1, 0.01])
    assert (teach.epochs, teach.batch_size, teach.sgd.lr) == (4, 6, 0.02)


# Results


@pytest.mark.parametrize("name", METHODS)
def test_two_epochs_lower_the_losses(data: TrainData, name: str) -> None:
    method = build(name, f={"lr": 0.05, "epochs": 2})
    history = run(method, data).history
    for phase in ("teach", "generate"):
        first, last = (log.losses for log in history if log.phase == phase)
        assert sum(last.values()) < sum(first.values())
    (batch,) = loader(data, method).batches(batch_size=COUNT)
    with torch.no_grad():
        maps = method.localize(batch.images, batch.labels, None)
        other = method.localize(batch.images, 0 * batch.labels, None)
        logits = method.classify(batch.images)
    assert maps.shape == (COUNT, CROP, CROP)
    assert 0 < float(maps.min()) < float(maps.max()) < 1
    assert torch.equal(maps, other)
    assert logits is None if name == "weightmap2" else logits.shape == (COUNT, CLASSES)


def test_g_finds_the_squares(data: TrainData) -> None:
    """The weights on the squares, which differ between the classes, end up well above those around them."""
    method = build("weightmap1", epochs=12, held_out=0, lr=0.1, f={"lr": 0.05, "epochs": 6})
    run(method, data)
    (batch,) = loader(data, method).batches(batch_size=COUNT)
    with torch.no_grad():
        maps = method.localize(batch.images, batch.labels, None)
    colour = batch.images[torch.arange(COUNT), batch.labels]
    square = F.avg_pool2d(colour[:, None], 5, 1, 2)[:, 0] > 0
    assert float(maps[square].mean()) > 2 * float(maps[~square].mean())


def test_images_are_scaled_to_minus_one_to_one(data: TrainData) -> None:
    method = build("weightmap1")
    batch = batch_of(data, method, list(range(COUNT)))
    assert -1 <= float(batch.images.min()) < -0.9
    assert 0.9 < float(batch.images.max()) <= 1


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("weightmap1", {"free_epochs": 2}, "free_epochs 2 leave none of 2 epochs"),
        ("weightmap1", {"inner": 0.0}, "unknown key 'inner'"),
        ("weightmap2", {"target": "soft"}, "unknown key 'target'"),
        ("weightmap1", {"f": {"backbone": "resnet81"}}, "unknown backbone 'resnet81'; did you mean 'resnet18'"),
        ("weightmap1", {"f": {"backbone": {"name": "tiny", "stride": 5}}}, "f: backbone: backbone 'tiny': stride"),
    ],
)
def test_mistakes_are_found_before_training(name: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(wsol.UsageError, match=message):
        build(name, **values)
