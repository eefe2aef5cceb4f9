"""What every test starts from: a quiet TensorFlow and fixed seeds."""

import fcntl
import gc
import os
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Two processes share the cores, and threads that wait for work keep each other from it.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What XLA makes is looked at, not how fast it runs: unoptimized it is made in a third of the time.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import pytest

from tests import quick

# Tracing makes millions of objects that live on: to look through all of them for garbage again and again takes a fifth
# of the time of a file that traces much.
GARBAGE = 100_000, 50, 1000
gc.set_threshold(*GARBAGE)


def pytest_collection_finish():
    """What was imported for the tests stays: no look for garbage goes through it again."""
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """After a file: what is alive then mostly stays, and to look through all of it again takes up to a minute."""
    result = yield
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()
    return result


def pytest_collection_modifyitems(items):
    for item in items:
        if quick.is_quick(item.nodeid):
            item.add_marker(pytest.mark.quick)


@pytest.fixture(scope="session")
def forget_kernels():
    """Gives what has TensorFlow forget at the next seed what it has compiled; see tests/spared.py."""
    from tests.spared import spared

    with spared() as forget:
        yield forget


@pytest.fixture(scope="module", autouse=True)
def own_kernels(forget_kernels, request):
    """Each file begins with none, as it does alone."""
    from tests.spared import rewrite_graphs

    forget_kernels()
    # For the fixtures of the file; each test decides for itself.
    rewrite_graphs(request.module.__name__)


@pytest.fixture(autouse=True)
def fixed_seeds(own_kernels, request):
    import keras

    from tests.spared import rewrite_graphs

    keras.utils.set_random_seed(0)
    rewrite_graphs(f"{request.module.__name__}.{getattr(request.node, 'originalname', request.node.name)}")


@pytest.fixture(scope="module")
def untraced():
    """log_prob, sample, encode, decode and scores of the flows that a file makes are not traced; fit and evaluate are.

    To trace a function that is called once takes a hundred times as long as to run it. That traced and untraced ones
    say the same is seen for every named model in tests/models/test_models.py.
    """
    from tfp_flows.flow import functions
    from tfp_flows.training import invertibility, scoring

    with pytest.MonkeyPatch.context() as patch:
        for module in (functions, invertibility, scoring):
            patch.setattr(module, "traced", lambda function, **options: function)
        yield


@pytest.fixture(scope="session")
def conditional_run(tmp_path_factory):
    """The run directory of a small class-conditional Glow on the digits, stopped after one epoch and resumed.

    One of two processes trains it, and each has a copy.
    """
    pytest.importorskip("sklearn", reason="the extra `data` is not installed")
    own = tmp_path_factory.getbasetemp()
    folder = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with (folder / "conditional.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not (folder / "conditional.done").exists():
            shutil.rmtree(folder / "conditional", ignore_errors=True)
            _train_conditional(str(folder / "conditional"))
            (folder / "conditional.done").touch()
    return str(shutil.copytree(folder / "conditional", own / "conditional-copy"))


def _train_conditional(out):
    from tfp_flows import cli

    common = ["--out", out, "--quiet", "--no-export", "--picture-every", "0"]
    sizes = ["--set", "num_levels=2", "--set", "num_steps=2", "--set", "hidden_channels=16", "--set", "alpha=1e-3"]
    options = ["--conditional", "--epochs", "12", "--learning-rate", "5e-3", "--minutes", "1e-9", *sizes]
    assert cli.main(["train", "glow", "--data", "digits", *options, *common]) == 0
    assert cli.main(["train", "glow", "--resume", "--epochs", "12", *common]) == 0
