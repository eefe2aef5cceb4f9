"""The example that makes two tables of their archives makes of them what MAF's paper describes."""

import importlib.util
import pathlib

import numpy as np

PATH = pathlib.Path(__file__).resolve().parents[2] / "examples" / "tabular.py"


def example():
    spec = importlib.util.spec_from_file_location("tabular", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_patches_are_centred_and_lose_a_pixel(tmp_path):
    random = np.random.default_rng(0)
    arrays = {
        key: random.integers(0, 256, (n, 8, 8), dtype=np.uint8) for key, n in (("train", 5), ("val", 3), ("test", 4))
    }
    (tmp_path / "bsds300_patches").mkdir()
    np.savez(tmp_path / "bsds300_patches" / "bsds300_patches.npz", **arrays)
    splits = example().patches(tmp_path)
    for split, key in (("train", "train"), ("validation", "val"), ("test", "test")):
        x = arrays[key].reshape(-1, 64) / 256
        noise = splits[split] - (x - x.mean(1, keepdims=True))[:, :63]
        assert splits[split].shape == (len(x), 63) and splits[split].dtype == np.float32
        # What is left is noise of one level less its mean.
        assert np.abs(noise).max() < 1 / 256 and noise.std() > 0.2 / 256


def test_the_training_rows_of_miniboone_are_the_first_of_val(tmp_path):
    (tmp_path / "miniboone").mkdir()
    val, test = np.arange(3284 * 43.0).reshape(-1, 43), np.ones([7, 43])
    np.savez(tmp_path / "miniboone" / "miniboone_partial.npz", val=val, test=test)
    splits = example().miniboone(tmp_path)
    np.testing.assert_array_equal(splits["train"], val[:2800].astype("float32"))
    np.testing.assert_array_equal(splits["validation"], val[2800:].astype("float32"))
    assert splits["test"].shape == (7, 43)


def test_no_folder_is_a_sentence(capsys, monkeypatch):
    monkeypatch.delenv("TABLES_DIR", raising=False)
    assert example().run([]) == 2
    assert "Expected TABLES_DIR to be the folder of both tables; got None." in capsys.readouterr().out
