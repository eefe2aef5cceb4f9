"""What every test starts from: a quiet TensorFlow and fixed seeds."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest


@pytest.fixture(autouse=True)
def fixed_seeds():
    import keras

    keras.utils.set_random_seed(0)
