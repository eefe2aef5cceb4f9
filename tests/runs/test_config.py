"""What config.json holds: formats of all versions are read, what is not understood is refused in one sentence."""

import dataclasses
import json
import pathlib
import shutil
import types

import pytest

from tfp_flows import objectives as losses
from tfp_flows import runs
from tfp_flows.catalog import MODELS
from tfp_flows.runs import new_config, objectives
from tfp_flows.runs.config import FORMAT, Config, Training
from tfp_flows.runs.scores import scores_of

FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures"
STUDENT = json.loads((FIXTURES / "student" / "config.json").read_text())
FORMER = json.loads((FIXTURES / "run" / "config.json").read_text())
MINE = Config.from_dict(FORMER).to_dict()


def without(value, key):
    return {name: member for name, member in value.items() if name != key}


def test_what_version_0_1_0_wrote_is_read():
    config, student = Config.from_dict(FORMER), Config.from_dict(STUDENT)
    for field in ("model", "arguments", "data", "data_options", "versions"):
        assert getattr(config, field) == FORMER[field] and getattr(student, field) == STUDENT[field]
    later = {"ema": None, "minutes": None, "num_steps": None, "accumulate": 1}
    assert dataclasses.asdict(config.training) == {**FORMER["training"], **later}
    assert config.objective == {"name": "maximum_likelihood"}
    options = {"teacher": "run", "temperature": 1.0, "power_weight": 0.0}
    assert student.objective == {"name": "reverse_kl", **options}


@pytest.mark.parametrize("former", [FORMER, STUDENT], ids=["run", "student"])
def test_what_is_written_is_read_again(former, tmp_path):
    config = Config.from_dict(former)
    config.write(tmp_path / "config.json")
    assert json.loads((tmp_path / "config.json").read_text()) == {**config.to_dict(), "format": FORMAT}
    assert Config.read(tmp_path / "config.json") == config
    assert runs.Run.create(tmp_path / "a", config).config == runs.Run.create(tmp_path / "b", former).config == config


@pytest.mark.parametrize(
    "value, message",
    [
        ({**MINE, "format": 3}, "Expected format 2 or a former one in .*config.json'; got 3, of a newer version"),
        ({**MINE, "format": "2"}, "Expected format to be a positive integer in .*config.json'; got '2'"),
        ({**MINE, "format": 0}, "Expected format to be a positive integer in .*; got 0"),
        ({**MINE, "colour": 1}, "Expected fields of .*config.json' among .*'objective'.*; got 'colour'"),
        ({**MINE, "distillation": {}}, "Expected fields of .* among .*; got 'distillation'"),
        (without(MINE, "data"), r"Expected \['data'\] in .*config.json'; got"),
        (without(MINE, "training"), r"Expected \['training'\] in .*config.json'; got"),
        ({**MINE, "training": 3}, "Expected a dictionary as training of .*; got 3"),
        ({**MINE, "training": {"epoch": 3}}, "Expected fields of training of .* among .*'epochs'.*; got 'epoch'"),
        ({**MINE, "arguments": []}, r"Expected arguments to be a dictionary in .*; got \[\]"),
        ({**MINE, "objective": {}}, "Expected the name of an objective in .*; got {}"),
        ({**MINE, "objective": "nll"}, "Expected objective to be a dictionary in .*; got 'nll'"),
        (without(MINE, "format"), "Expected format 2 beside an objective in .*; got none"),
        ({**STUDENT, "distillation": {"teacher": "run"}}, "Expected .*'temperature'.* as distillation in .*; got"),
        ({**FORMER, "colour": 1}, "Expected fields of .*; got 'colour'"),
    ],
)
def test_what_is_not_understood_is_refused(value, message, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(value))
    with pytest.raises(ValueError, match=message):
        runs.Run(tmp_path)
    with pytest.raises(ValueError, match=message.replace(".*config.json'", ".*")):
        runs.Run.create(tmp_path / "new", value)
    assert not (tmp_path / "new").exists()


def test_what_was_measured_before_is_kept_where_a_former_run_goes_on(tmp_path):
    """Its config held it; the one that is written has no place for it."""
    shutil.copytree(FIXTURES / "student", tmp_path / "student")
    run = runs.Run(tmp_path / "student")
    measured = STUDENT["distillation"]["before"]
    assert run.read_before() == measured and not (run.path / "before.json").exists()
    run.save_config()
    assert json.loads((run.path / "config.json").read_text()) == Config.from_dict(STUDENT).to_dict()
    assert runs.Run(run.path).read_before() == measured == json.loads((run.path / "before.json").read_text())
    other = runs.Run.create(tmp_path / "other", FORMER)
    other.save_config()
    assert other.read_before() is None and [path.name for path in other.path.iterdir()] == ["config.json"]


@pytest.mark.parametrize(
    "objective, message",
    [
        ({"name": "maximum_likelyhood"}, "Expected an objective among .*'maximum_likelihood'.*; got 'maximum_likely"),
        ({"name": "maximum_likelihood", "teacher": "x"}, "Expected options of maximum_likelihood among .*'teacher'"),
        ({"name": "reverse_kl"}, r"Expected options of reverse_kl among .*, \['teacher'\] at least; got \[\]"),
        ({"name": "reverse_kl", "teacher": "nowhere"}, "Expected a run directory with a config.json; got 'nowhere'"),
    ],
)
def test_bad_objectives_are_refused(objective, message):
    with pytest.raises(ValueError, match=message):
        objectives.build(objective)


def test_each_objective_of_the_package_is_in_the_table():
    kinds = {getattr(losses, name) for name in losses.__all__}
    kinds = {kind for kind in kinds if isinstance(kind, type) and issubclass(kind, losses.Objective)}
    assert {entry.kind for entry in objectives.OBJECTIVES.values()} == kinds - {losses.Objective}
    for name, entry in objectives.OBJECTIVES.items():
        assert entry.name in entry.units and objectives.entry({"name": name}).name == entry.name
    for entry in MODELS.values():
        objectives.entry(entry.recipe.get("objective", {"name": "maximum_likelihood"}))


def test_a_recipe_names_its_objective(monkeypatch, tmp_path):
    """Whatever a recipe names is looked up, built from its options, asked about the model and written."""
    asked = []

    class Own(losses.MaximumLikelihood):
        def check(self, flow):
            asked.append(flow.event_shape)

    table = {"own": objectives.Entry(Own, build=lambda weight: asked.append(weight) or Own())}
    monkeypatch.setattr(objectives, "OBJECTIVES", table)
    monkeypatch.setitem(MODELS["realnvp"].recipe, "objective", {"name": "own", "weight": 3})
    config, _ = new_config.new_config("realnvp", "moons", arguments=dict(num_layers=1, hidden_units=4))
    assert config.objective == {"name": "own", "weight": 3} and asked == [3, (2,)]


def test_the_score_is_what_the_objective_calls_it(tmp_path):
    log = {"loss": [1.0], "nll": [2.0], "val_nll": [3.0], "squared_error": [4.0]}
    assert scores_of(log, "nll") == [3.0] and scores_of(log, "squared_error") == [4.0]
    with pytest.raises(ValueError, match=r"Expected reverse_kl in the log; got \['loss', 'nll'"):
        scores_of(log, "reverse_kl")
    callback = runs.RunLog(run := runs.Run.create(tmp_path / "run", FORMER))
    model = types.SimpleNamespace(
        objective=types.SimpleNamespace(name="squared_error"),
        save_weights=lambda path: path.write_text("weights"),
        variables=[],
    )
    callback._model = model
    callback.on_train_begin()
    for epoch, error in enumerate((3.0, 2.0, 4.0)):
        best = run.path / "best.weights.h5"
        best.unlink(missing_ok=True)
        callback.on_epoch_end(epoch, {"loss": 0.0, "nll": -error, "squared_error": error})
        assert best.exists() == (epoch < 2)
    assert run.read_log()["squared_error"] == [3.0, 2.0, 4.0]


def test_training_options_have_their_defaults():
    """Of a config that a program makes by itself: what is not said is the least that may be meant."""
    assert Training() == Training(None, None, None, {}, 0, 0, None, "auto")
    with pytest.raises(ValueError, match="Expected epochs to be a positive integer; got None"):
        Training().check()


@pytest.mark.parametrize("more, stays", [([], False), (["before.json"], False), (["before.json", "log.csv"], True)])
def test_a_fit_that_is_refused_drops_what_was_measured_before_it_too(more, stays, tmp_path):
    run = runs.Run.create(tmp_path / "run", FORMER)
    with pytest.raises(ValueError, match="no"):
        with run.dropped_if_refused():
            for name in more:
                (run.path / name).write_text("{}")
            raise ValueError("no")
    assert run.path.exists() == stays
