"""Components of one recipe with equal names: each has its own draws, and those of the others do not change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import wsol
from tests.support import third_party_plugin, toy_plugin
from wsol.inference.build import build_evaluation, build_method
from wsol.plugins import load_plugins
from wsol.recipes import PARTS, ComponentRef, EvalSpec, Part, filled
from wsol.records import RunIdentity
from wsol.registry import Plugins
from wsol.study.config import validate_study
from wsol.study.plan import TrainingCell, make_plan, sweeps

SEARCHED = {"name": "brightness", "strength": {"uniform": [0.0, 0.4]}}


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins([third_party_plugin.__file__, toy_plugin.__file__])


def cell(plugins: Plugins, *augmentations: str | dict[str, Any], **recipe: Any) -> TrainingCell:
    content = {
        "name": "equal",
        "benchmark": "squares",
        "trials": 4,
        "recipes": [{"method": "smoothed", "backbone": "two_layers", "augmentations": [list(augmentations)], **recipe}],
    }
    return make_plan(validate_study(content, "test"), plugins).cells[0]


def identity(made: TrainingCell, trial: int) -> RunIdentity:
    return RunIdentity(
        run_id="r",
        study="equal",
        plan="p",
        stage="search",
        trial=trial,
        train=made.train,
        evaluations=made.evaluations,
        seed=1,
        hparams=made.trials[trial].hparams,
        trials_planned=4,
        seeds_planned=1,
    )


@pytest.mark.parametrize("count", [2, 3])
def test_each_augmentation_draws_from_a_stream_of_its_own(plugins: Plugins, count: int) -> None:
    made = cell(plugins, *["brightness"] * count)
    names = ["brightness.strength", *(f"brightness#{k}.strength" for k in range(2, count + 1))]
    for trial in made.trials:
        assert {name for name in trial.hparams if name.startswith("brightness")} == set(names)
        assert len({trial.hparams[name] for name in names}) == count


def test_a_further_component_changes_no_other_draw(plugins: Plugins) -> None:
    alone, both, three = (cell(plugins, *["brightness"] * count) for count in (1, 2, 3))
    for one, two, more in zip(alone.trials, both.trials, three.trials, strict=True):
        assert two.hparams.items() > one.hparams.items()
        assert more.hparams.items() > two.hparams.items()
        assert one.seed == two.seed == more.seed


def test_components_are_built_with_the_values_that_the_plan_prints(plugins: Plugins) -> None:
    made = cell(plugins, "brightness", {"name": "brightness", "strength": 0.25}, SEARCHED)
    for trial in made.trials:
        assert "brightness#2.strength" not in trial.hparams
        method = build_method(identity(made, trial.index), plugins, plugins.create("benchmarks", "squares"))
        strengths = [augmentation.options.strength for augmentation in method.parts.augmentations]
        drawn = trial.hparams["brightness.strength"], 0.25, trial.hparams["brightness#3.strength"]
        assert strengths == list(drawn)


def test_equal_augmentations_draw_different_numbers_for_a_batch(plugins: Plugins) -> None:
    import torch

    made = cell(plugins, *[{"name": "brightness", "strength": 0.25}] * 2)
    method = build_method(identity(made, 0), plugins, plugins.create("benchmarks", "squares"))
    batch = wsol.Batch(torch.zeros(2, 3, 8, 8), torch.zeros(2), torch.zeros(2, 2), torch.arange(2))
    generator = torch.Generator().manual_seed(0)
    first, second = (a(batch, generator).images for a in method.parts.augmentations)
    assert not torch.equal(first, second)


def test_swept_options_of_equal_components_are_separate(plugins: Plugins, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PARTS, "blur", Part("blur", "blurs", "wsol:Normalizer", "scoring", "blurs maps", many=True))
    grown = {"choice": [0.1, 0.2]}

    class Added(wsol.Normalizer):
        """Adds a constant."""

        name = "added"

        class Options(wsol.Options):
            """Options."""

            amount: float = wsol.option(0.0, "what is added")

        def __call__(self, score_map: wsol.FloatArray) -> wsol.FloatArray:
            return score_map + self.options.amount

    plugin = type(plugins.plugins[0])("added", "here", "file", components=[("blurs", Added)])
    more = Plugins([*plugins.plugins, plugin])
    twice = tuple(ComponentRef(name="added", search={"amount": grown}) for _ in range(2))
    evaluation = EvalSpec(parts=filled(normalizer=ComponentRef(name="none"), blurs=twice))
    settings = sweeps(evaluation, more)
    assert [list(setting.values()) for setting in settings] == [[0.1, 0.1], [0.1, 0.2], [0.2, 0.1], [0.2, 0.2]]
    assert set(settings[0]) == {"added.amount", "added#2.amount"}
    import numpy as np

    normalizer = build_evaluation(evaluation, settings[1], more).normalizer
    assert normalizer is not None
    assert normalizer(np.zeros((1, 1))).tolist() == [[pytest.approx(0.3)]]


def test_training_and_evaluation_do_not_share_a_name(plugins: Plugins, monkeypatch: pytest.MonkeyPatch) -> None:
    part = Part("blur", "blurs", "wsol:Normalizer", "scoring", "blurs maps", many=True)
    monkeypatch.setitem(PARTS, "blur", part)

    class Brightness(wsol.Normalizer):
        """Has the name of an augmentation."""

        name = "brightness"

        def __call__(self, score_map: wsol.FloatArray) -> wsol.FloatArray:
            return score_map

    plugin = type(plugins.plugins[0])("more", "here", "file", components=[("blurs", Brightness)])
    with pytest.raises(wsol.UsageError, match=r"'brightness\.…' would belong to two components"):
        cell(Plugins([*plugins.plugins, plugin]), "brightness", blurs=[["brightness"]])


@pytest.mark.usefixtures("stages_here")
def test_a_finished_run_is_rebuilt_with_its_own_draws(plugins: Plugins, tmp_path: Path) -> None:
    """The search, the sealed choice, the record and what ``wsol localize`` loads name the draws alike."""
    from wsol.inference.localizer import final_runs, load_localizer
    from wsol.study.job import SerialRunner
    from wsol.study.session import Session

    content = {
        "name": "equal",
        "benchmark": "squares",
        "recipes": [{"method": "smoothed", "backbone": "two_layers", "augmentations": [["brightness", "brightness"]]}],
        "trials": 2,
        "seeds": 1,
        "schedule": {"epochs": 1},
        "bootstrap": 0,
    }
    files = (Path(third_party_plugin.__file__),)
    session = Session(make_plan(validate_study(content, "t"), plugins), plugins, tmp_path / "r", files, tmp_path / "c")
    session.search(SerialRunner())
    session.seal()
    (record,) = session.final(SerialRunner())
    assert record.status == "complete", record.reason
    (folder,) = final_runs(session.folder)
    built = load_localizer(folder, files).method.parts.augmentations
    drawn = [record.hparams[name] for name in ("brightness.strength", "brightness#2.strength")]
    assert [augmentation.options.strength for augmentation in built] == drawn
    assert drawn[0] != drawn[1]
