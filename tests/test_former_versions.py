"""What former versions wrote, `.keras` files, runs and SavedModels, still loads and gives the same numbers."""

import pathlib
import shutil

import keras
import numpy as np
import pytest

import tfp_flows
from tfp_flows import runs, serving

FIXTURES = pathlib.Path(__file__).parent / "fixtures"
SAVEDMODELS = FIXTURES.parent.parent / "savedmodels"


# Of 0.1.0 beside this file's folder of fixtures, of later ones in a folder of theirs: tests/fixtures/make.py
@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("path", sorted(FIXTURES.rglob("*.keras")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_model_loads(path):
    model, expected = keras.models.load_model(path), np.load(path.parent / "expected.npz")
    name = path.stem
    context = expected[f"{name}.context"] if f"{name}.context" in expected else None
    got = model.log_prob(expected[f"{name}.x"], context)
    np.testing.assert_allclose(got, expected[f"{name}.log_prob"], rtol=1e-5)
    assert model.compiled and model.optimizer.iterations.numpy() == 2


@pytest.fixture
def copied(tmp_path):
    shutil.copytree(FIXTURES, tmp_path / "fixtures")
    config = tmp_path / "fixtures" / "student" / "config.json"
    config.write_text(config.read_text().replace('"teacher": "run"', f'"teacher": "{tmp_path}/fixtures/run"'))
    return tmp_path / "fixtures"


@pytest.mark.parametrize("name", ["run", "student"])
def test_a_run_loads_and_goes_on(name, copied):
    expected = np.load(FIXTURES / "runs.npz")
    run = runs.Run(copied / name)
    np.testing.assert_allclose(run.load_model().log_prob(expected["x"]), expected[name], rtol=1e-5)
    before = run.read_log()
    epochs = run.checkpoint()[0] + 1
    resumed = runs.train(None, None, copied / name, resume=True, epochs=epochs, picture_every=0, verbose=0)
    log = resumed.read_log()
    score = "nll" if name == "run" else "reverse_kl"
    assert log[score][:-1] == before[score] and len(log[score]) == epochs and np.isfinite(log[score][-1])


def test_former_names_are_the_same_things():
    import tfp_flows.models.autoregressive_flow as layers
    import tfp_flows.models.latent as latent
    from tfp_flows.models.flow import Flow

    from tfp_flows import plots, training

    assert Flow is tfp_flows.Flow and latent.interpolate is tfp_flows.flow.latent.interpolate
    assert issubclass(tfp_flows.MAF, layers.AutoregressiveFlow)
    assert training.Run is runs.Run and training.train is runs.train and plots.curve is tfp_flows.pictures.curve
    assert serving.export and {"train", "Run", "FusedAdam"} <= set(dir(training))
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        training.trian
