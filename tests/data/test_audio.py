"""Audio: WAV files both ways, and recordings cut into windows whose splits are of recordings."""

import wave

import numpy as np
import pytest

from tfp_flows import data, wav

RATE = 8000


def recording(n, frequency=440.0, rate=RATE):
    return (8000 * np.sin(2 * np.pi * frequency * np.arange(n) / rate)).astype(np.int16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two speakers, three digits, eight recordings of each; the value of the first sample says which it is."""
    path = tmp_path_factory.mktemp("speech")
    for digit in range(3):
        for speaker in ("ann", "bob"):
            for index in range(8):
                audio = np.full(900 + 100 * digit, 1000 * digit + 100 * (speaker == "bob") + index, np.int16)
                wav.write(path / f"{digit}_{speaker}_{index}.wav", audio, RATE)
    return path


def test_what_is_written_is_read(tmp_path):
    audio = np.array([-32768, -1, 0, 1, 32767], np.int16)
    found, rate = wav.read(wav.write(tmp_path / "a.wav", audio, 16000))
    np.testing.assert_array_equal(found, audio)
    assert rate == 16000 and found.dtype == np.int16
    np.testing.assert_array_equal(wav.from_events(wav.to_levels(audio), wav.NUM_BINS), audio)


def test_channels_are_averaged(tmp_path):
    with wave.open(str(tmp_path / "two.wav"), "wb") as file:
        file.setparams((2, 2, RATE, 0, "NONE", ""))
        file.writeframes(np.array([[100, 300], [-7, -9]], "<i2").tobytes())
    assert wav.read(tmp_path / "two.wav")[0].tolist() == [200, -8]


def test_windows_are_of_recordings_whose_names_say_split_and_label(folder):
    windows = data.load(str(folder), length=300, hop=200)
    assert windows.sample_rate == RATE and windows.num_bins == 65536 and windows.train.dtype == np.uint16
    assert windows.event_shape == (300,)
    values = {split: getattr(windows, split).astype(int) - 32768 for split in ("train", "validation", "test")}
    for split, events in values.items():
        assert (events == events[:, :1]).all()
        np.testing.assert_array_equal(events[:, 0] // 1000, windows.labels[split])
    # As the Free Spoken Digit Dataset has it: the first five of each are the test split.
    assert set(values["test"][:, 0] % 100) == set(range(5))
    assert set(values["train"][:, 0] % 100) | set(values["validation"][:, 0] % 100) == {5, 6, 7}
    assert not set(values["train"][:, 0]) & set(values["validation"][:, 0])
    # 900 samples: 300 apart in test three windows, 200 apart in train four.
    assert (values["test"][:, 0] == 0).sum() == 3
    first = values["train"][0, 0]
    assert (values["train"][:, 0] == first).sum() == (900 + 100 * (first // 1000) - 300) // 200 + 1
    speakers = data.load(str(folder), length=300, label="speaker")
    found = (speakers.test[:, 0].astype(int) - 32768) % 1000 // 100
    np.testing.assert_array_equal(found, speakers.labels["test"])
    assert speakers.class_labels.values == ("ann", "bob")


def test_an_archive_is_what_the_folder_is(folder, tmp_path):
    files = sorted(folder.iterdir())
    audio = [wav.read(file)[0] for file in files]
    digit, _, index = zip(*(file.stem.split("_") for file in files))
    arrays = dict(audio=np.concatenate(audio), offset=np.cumsum([0, *map(len, audio)]), digit=np.array(digit, int))
    np.savez(tmp_path / "speech.npz", **arrays, index=np.array(index, np.uint8), sample_rate=RATE)
    one, other = (data.load(str(path), length=400, seed=3) for path in (folder, tmp_path / "speech.npz"))
    for split in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(one, split), getattr(other, split))
        np.testing.assert_array_equal(one.labels[split], other.labels[split])
    assert one.sample_rate == other.sample_rate


def test_other_names_are_split_by_the_seed(tmp_path):
    for k in range(20):
        wav.write(tmp_path / f"take {k}.WAV", np.full(50, k, np.int16), RATE)
    windows = data.load(str(tmp_path), length=50)
    assert windows.labels is None
    numbers = [set(getattr(windows, split)[:, 0].tolist()) for split in ("train", "validation", "test")]
    assert [len(found) for found in numbers] == [17, 1, 2] and len(set.union(*numbers)) == 20
    assert set(data.load(str(tmp_path), length=50, seed=1).test[:, 0].tolist()) != numbers[2]


def test_folders_are_classes(tmp_path):
    """As speech commands lie: a word's recordings in a folder of its name."""
    for k in range(20):
        (tmp_path / ("yes" if k % 2 else "no")).mkdir(exist_ok=True)
        wav.write(tmp_path / ("yes" if k % 2 else "no") / f"take {k}.wav", np.full(50, k, np.int16), RATE)
    windows = data.load(str(tmp_path), length=50)
    assert windows.class_labels.values == ("no", "yes")
    for split in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(windows, split)[:, 0] % 2, windows.labels[split])
    assert data.load(str(tmp_path), length=50, label=False).labels is None
    # One that lies beside them is of no class.
    wav.write(tmp_path / "other.wav", np.full(50, 9, np.int16), RATE)
    assert data.load(str(tmp_path), length=50).labels is None


@pytest.mark.parametrize(
    "make, options, message",
    [
        (
            lambda p: (p / "a.wav").write_bytes(b""),
            {},
            "Expected a WAV file at .*a.wav; got an empty file",
        ),
        (lambda p: (p / "a.wav").write_bytes(b"RIFF and so on"), {}, "Expected a WAV file at"),
        (
            lambda p: (p / "a.wav").write_bytes(open(wav.write(p / "b.wav", recording(90), RATE), "rb").read()[:-8]),
            {},
            "Expected 90 audio samples in .*a.wav, as its head says; got 86",
        ),
        (lambda p: [wav.write(p / f"{k}.wav", recording(90), RATE + k) for k in (0, 1)], {}, "of one sample rate"),
        (lambda p: [wav.write(p / f"{k}.wav", recording(90), RATE) for k in range(9)], {}, "of at least 2048 audio"),
        (lambda p: wav.write(p / "a.wav", recording(90), RATE), {"length": 50}, "Expected at least 3 recordings"),
        (lambda p: wav.write(p / "a.wav", recording(90), RATE), {"length": 1}, "Expected length to be an integer of"),
        (lambda p: wav.write(p / "a.wav", recording(90), RATE), {"hop": 0}, "Expected hop to be an integer of at"),
        (lambda p: wav.write(p / "a.wav", recording(90), RATE), {"label": "mood"}, r"label to be one of \[\] of"),
    ],
)
def test_bad_files_are_refused(make, options, message, tmp_path):
    make(tmp_path)
    with pytest.raises(ValueError, match=message):
        data.load(str(tmp_path), **options)


@pytest.mark.parametrize(
    "arrays, message",
    [
        (dict(audio=np.zeros(9), offset=[0, 9]), "Expected audio as a vector of int16"),
        (dict(audio=np.zeros(9, np.int16), offset=[0, 10]), "Expected offset as two or more ascending integers"),
        (dict(audio=np.zeros(9, np.int16), offset=[5, 3]), "Expected offset as two or more ascending integers"),
        (dict(audio=np.zeros(9, np.int16), offset=[0, 9], sample_rate=0), "Expected sample_rate to be a positive int"),
        (dict(audio=np.zeros(9, np.int16), offset=[0, 9], sample_rate=[8, 8]), "sample_rate .* got \\[8, 8\\]"),
        (dict(audio=np.zeros(9, np.int16), offset=[0, 9], sample_rate="abc"), "sample_rate .* got 'abc'"),
    ],
)
def test_bad_archives_are_refused(arrays, message, tmp_path):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        data.load(str(tmp_path / "a.npz"), length=2)


def test_a_missing_file_and_other_audio_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="Expected a file or folder of audio"):
        data.load(str(tmp_path / "nowhere.wav"))
    with pytest.raises(ValueError, match="Expected audio as a vector of int16; got float64"):
        wav.write(tmp_path / "b.wav", np.zeros(3), RATE)
    assert not (tmp_path / "b.wav").exists()
