"""WAV as recorders write it: every encoding at the right scale, lengths that nobody filled in, and whole folders."""

import struct
import sys

import numpy as np
import pytest

from tfp_flows import data, wav

RATE = 22050
PCM, FLOAT, A_LAW, MU_LAW, IMA = 1, 3, 6, 7, 0x11
VALUES = [-32768, -1234, 0, 77, 32767, 300]
SAMPLES = struct.pack("<6h", *VALUES)
MEAN = [-17001, 38, 16534]  # of pairs, halves to even
TEXT = b"recorded on a boat"


def chunk(name, content, length=None, order="<"):
    length = len(content) if length is None else length
    return struct.pack(f"{order}4sI", name, length) + content + bytes(len(content) % 2)


def fmt(tag, bits, channels=1, rate=RATE, align=None, order="<", extra=b""):
    align = channels * bits // 8 if align is None else align
    content = struct.pack(f"{order}HHIIHH", tag, channels, rate, rate * align, align, bits) + extra
    return chunk(b"fmt ", content, None, order)


def extensible(tag, bits, channels=1, tail="0000 0000 1000 8000 00aa 0038 9b71"):
    extra = struct.pack("<HHIH", 22, bits, 0, tag) + bytes.fromhex(tail)
    return fmt(0xFFFE, bits, channels, extra=extra)


def riff(*chunks, name=b"RIFF", length=None, order="<"):
    body = b"WAVE" + b"".join(chunks)
    return struct.pack(f"{order}4sI", name, len(body) if length is None else length) + body


def pcm24(values):
    return b"".join(struct.pack("<i", value)[:3] for value in values)


def ds64(length):
    return chunk(b"ds64", struct.pack("<QQQI", 0, length, 0, 0))


WITHOUT_SOUNDFILE = {
    "16 bits": (riff(fmt(PCM, 16), chunk(b"data", SAMPLES)), VALUES),
    "two channels": (riff(fmt(PCM, 16, 2), chunk(b"data", SAMPLES)), MEAN),
    "extensible": (riff(extensible(PCM, 16), chunk(b"data", SAMPLES)), VALUES),
    "extensible, two channels": (riff(extensible(PCM, 16, 2), chunk(b"data", SAMPLES)), MEAN),
    "odd chunks": (
        riff(chunk(b"bext", b"abc"), fmt(PCM, 16), chunk(b"LIST", b"INFO" + TEXT + b"."), chunk(b"data", SAMPLES),
             chunk(b"id3 ", b"x")), VALUES),
    "ffmpeg's stream": (
        riff(fmt(PCM, 16), chunk(b"LIST", TEXT), chunk(b"data", SAMPLES, 0xFFFFFFFF), length=0xFFFFFFFF), VALUES),
    "sox's stream": (riff(fmt(PCM, 16), chunk(b"data", SAMPLES, 0x7FFFF000), length=0x7FFFF024), VALUES),
    "arecord's stream": (riff(fmt(PCM, 16), chunk(b"data", SAMPLES, 0x80000000), length=0x80000024), VALUES),
    "a stream of zero": (riff(fmt(PCM, 16), chunk(b"data", SAMPLES, 0), length=0), VALUES),
    "a stream cut within a sample": (riff(fmt(PCM, 16, 2), chunk(b"data", SAMPLES + b"\1\2", 0)), MEAN),
    "a stream of silence": (riff(fmt(PCM, 16), chunk(b"data", bytes(16), 0)), [0] * 8),
    "a length with half a sample too much": (riff(fmt(PCM, 16), chunk(b"data", SAMPLES, 13)), VALUES),
    "nothing": (riff(fmt(PCM, 16), chunk(b"data", b"")), []),
    "nothing and a note": (riff(fmt(PCM, 16), chunk(b"data", b""), chunk(b"LIST", TEXT)), []),
    "RF64": (riff(ds64(12), fmt(PCM, 16), chunk(b"data", SAMPLES, 0xFFFFFFFF), chunk(b"LIST", TEXT), name=b"RF64"),
             VALUES),
    "RF64, a stream": (riff(ds64(0), fmt(PCM, 16), chunk(b"data", SAMPLES, 0xFFFFFFFF), name=b"RF64"), VALUES),
    "RIFX": (riff(fmt(PCM, 16, order=">"), chunk(b"data", struct.pack(">6h", *VALUES), None, ">"), name=b"RIFX",
                  order=">"), VALUES),
}  # fmt: skip
BLOCK = struct.pack("<hBB", 1000, 0, 0) + bytes(28)  # of IMA ADPCM: one value, and 56 steps of zero


def blocks(fact, length=None):
    """Two blocks of 57 samples, of which the head says how many are the recording's."""
    head = fmt(IMA, 4, align=32, extra=struct.pack("<HH", 2, 57)), chunk(b"fact", struct.pack("<I", fact))
    return riff(*head, chunk(b"data", 2 * BLOCK, length))


DECODED = {
    "8-bit PCM": (riff(fmt(PCM, 8), chunk(b"data", bytes([0, 128, 255, 1, 129]))), [-32768, 0, 32512, -32512, 256]),
    "24-bit PCM": (riff(fmt(PCM, 24), chunk(b"data", pcm24([-(2**23), 2**23 - 1, 1280, 127, 129, -129]))),
                   [-32768, 32767, 5, 0, 1, -1]),
    "24-bit PCM, two channels": (riff(extensible(PCM, 24, 2), chunk(b"data", pcm24([256, 768, -256, 0]))), [2, 0]),
    "32-bit PCM": (riff(fmt(PCM, 32), chunk(b"data", struct.pack("<3i", -(2**31), 7 << 16, 2**31 - 1))),
                   [-32768, 7, 32767]),
    "32-bit float": (riff(fmt(FLOAT, 32), chunk(b"data", struct.pack("<6f", -1, -0.25, 0, 0.5, 1, 1.5))),
                     [-32768, -8192, 0, 16384, 32767, 32767]),
    "64-bit float": (riff(extensible(FLOAT, 64), chunk(b"data", struct.pack("<3d", -0.125, 3 / 32768, 0.75))),
                     [-4096, 3, 24576]),
    "mu-law": (riff(fmt(MU_LAW, 8), chunk(b"data", bytes([0x00, 0x80, 0xFF]))), [-32124, 32124, 0]),
    "A-law": (riff(fmt(A_LAW, 8), chunk(b"data", bytes([0x2A, 0xAA, 0xD5, 0x55]))), [-32256, 32256, 8, -8]),
    "IMA ADPCM": (blocks(114), [1000] * 114),
    "IMA ADPCM, the last block filled up": (blocks(91), [1000] * 91),
    "IMA ADPCM, a wrong number": (blocks(12), [1000] * 114),
    "IMA ADPCM, another": (blocks(228), [1000] * 114),
    "IMA ADPCM, a stream": (blocks(100, 0xFFFFFFFF), [1000] * 114),
    "24-bit PCM, a stream": (riff(fmt(PCM, 24), chunk(b"LIST", b"odd"), chunk(b"data", pcm24([512, -768]), 0xFFFFFFFF)),
                             [2, -3]),
    "24-bit PCM, RF64": (riff(ds64(6), fmt(PCM, 24), chunk(b"data", pcm24([512, -768]), 0xFFFFFFFF), name=b"RF64"),
                         [2, -3]),
    "8-bit PCM, nothing": (riff(fmt(PCM, 8), chunk(b"data", b"")), []),
    "32-bit float, RIFX": (
        riff(fmt(FLOAT, 32, order=">"), chunk(b"data", struct.pack(">2f", 0.5, -0.5), None, ">"), name=b"RIFX",
             order=">"), [16384, -16384]),
}  # fmt: skip


@pytest.fixture
def no_soundfile(monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)


def read(tmp_path, content):
    (tmp_path / "take.wav").write_bytes(content)
    audio, rate = wav.read(tmp_path / "take.wav")
    assert audio.dtype == np.int16 and audio.ndim == 1
    return audio.tolist(), rate


@pytest.mark.parametrize("case", WITHOUT_SOUNDFILE)
def test_sixteen_bits_need_no_library(case, tmp_path, no_soundfile):
    content, expected = WITHOUT_SOUNDFILE[case]
    assert read(tmp_path, content) == (expected, RATE)


@pytest.mark.parametrize("case", DECODED)
def test_other_encodings_are_decoded_to_sixteen_bits(case, tmp_path):
    pytest.importorskip("soundfile", reason="the extra `audio` is not installed")
    content, expected = DECODED[case]
    assert read(tmp_path, content) == (expected, RATE)


@pytest.mark.parametrize("case", DECODED)
def test_without_soundfile_they_are_refused_by_name(case, tmp_path, no_soundfile):
    what = case.split(",")[0]
    with pytest.raises(ImportError) as error:
        read(tmp_path, DECODED[case][0])
    assert str(error.value) == (
        f'Expected soundfile, to decode {tmp_path / "take.wav"}; got none, and {what}: pip install "tfp_flows[audio]".'
    )


REFUSED = {
    "a file cut short": (riff(fmt(PCM, 16), chunk(b"data", SAMPLES, 200)), "Expected 100 audio samples .*; got 6"),
    "24 bits cut short": (riff(fmt(PCM, 24, 2), chunk(b"data", bytes(18), 6000)), "Expected 1000 audio .*; got 3"),
    "RF64 cut short": (riff(ds64(800), fmt(PCM, 16), chunk(b"data", SAMPLES, 0xFFFFFFFF), name=b"RF64"),
                       "Expected 400 audio samples .*; got 6"),
    "blocks cut short": (riff(fmt(IMA, 4, align=32, extra=struct.pack("<HH", 2, 57)), chunk(b"data", BLOCK, 96)),
                         "Expected 3 blocks of audio .*; got 1"),
    "MP3 within": (riff(fmt(0x55, 0, align=1), chunk(b"data", bytes(400))), "soundfile decodes in .*; got MP3"),
    "an unknown encoding": (riff(fmt(0x7A21, 16), chunk(b"data", SAMPLES)), "got encoding 0x7a21"),
    "an unknown extension": (riff(extensible(PCM, 16, tail="4142 4344 4546 4748 494a 4b4c 4d4e"),
                                  chunk(b"data", SAMPLES)), "WAVE_FORMAT_EXTENSIBLE with encoding 0100414243"),
    "reals of 16 bits' scale": (riff(fmt(FLOAT, 32), chunk(b"data", struct.pack("<2f", 3, -900.5))),
                                r"32-bit float audio within \[-1, 1\] .*; got a peak of 900.5"),
    "not a number": (riff(fmt(FLOAT, 64), chunk(b"data", struct.pack("<2d", 0, np.nan))), "got a peak of nan"),
    "frames too wide": (riff(fmt(PCM, 24, align=4), chunk(b"data", bytes(8))), "Expected 3 bytes for 1 .*; got 4"),
    "no channel": (riff(fmt(PCM, 16, 0), chunk(b"data", SAMPLES)), "positive number of channels .*; got 0"),
    "no rate": (riff(fmt(PCM, 16, rate=0), chunk(b"data", SAMPLES)), "positive sample rate .*; got 0"),
    "no data": (riff(fmt(PCM, 16), chunk(b"LIST", TEXT)), "got no whole data chunk"),
    "no format": (riff(chunk(b"data", SAMPLES)), "got no whole fmt chunk"),
    "data twice": (riff(fmt(PCM, 16), chunk(b"data", SAMPLES), chunk(b"data", SAMPLES)), "got a second one at byte 56"),
    "the notes of macOS": (bytes.fromhex("0005160700020000") + bytes(100), "Expected a WAV file .*; got what macOS"),
    "FLAC": (b"fLaC" + bytes(100), "got FLAC"),
    "SPHERE": (b"NIST_1A\n   1024\n" + bytes(100), "got NIST SPHERE"),
    "a film": (riff(name=b"RIFF")[:8] + b"AVI " + bytes(100), "got other bytes"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_named(case, tmp_path):
    if "MP3" in case or "unknown" in case or "not a number" in case or "reals" in case:
        pytest.importorskip("soundfile", reason="the extra `audio` is not installed")
    content, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as error:
        read(tmp_path, content)
    text = str(error.value)
    assert text.startswith("Expected") and str(tmp_path / "take.wav") in text and "\n" not in text


@pytest.fixture
def folder(tmp_path):
    """Twelve takes, each of its own number, in two folders, with one ending in capitals."""
    (tmp_path / "second").mkdir()
    for k in range(12):
        name = f"take {k}.{('wav', 'WAV', 'wave')[k % 3]}"
        wav.write(tmp_path / ("second" if k > 6 else "") / name, np.full(40, k, np.int16), RATE)
    return tmp_path


def numbers(folder, **options):
    windows = data.load(str(folder), length=40, **options)
    events = np.concatenate([windows.train, windows.validation, windows.test])
    return sorted(wav.from_events(events[:, 0], wav.NUM_BINS).tolist())


def test_hidden_files_of_a_folder_are_no_recordings(folder):
    (folder / "__MACOSX").mkdir()
    (folder / ".Trashes").mkdir()
    for name in ("._take 1.wav", "second/._take 8.wav", "__MACOSX/take 1.wav", ".Trashes/take 1.wav"):
        (folder / name).write_bytes(bytes.fromhex("00051607") + bytes(60))
    (folder / "notes.txt").write_text("of the takes")
    (folder / "old.wav").mkdir()
    assert numbers(folder) == list(range(12))


def test_a_folder_that_is_hidden_itself_is_read(folder):
    folder.rename(folder.with_name(".cache"))
    assert numbers(folder.with_name(".cache")) == list(range(12))


def test_a_folder_of_mixed_encodings_is_read_whole(folder):
    pytest.importorskip("soundfile", reason="the extra `audio` is not installed")
    for k, (tag, bits, content) in enumerate(
        [(PCM, 24, pcm24([256 * 12] * 40)), (FLOAT, 32, struct.pack("<f", 13 / 32768) * 40)], 12
    ):
        (folder / f"take {k}.wav").write_bytes(riff(extensible(tag, bits), chunk(b"data", content, 0xFFFFFFFF)))
    assert numbers(folder) == list(range(14))


def test_a_folder_of_which_a_part_would_be_lost_is_refused(folder, monkeypatch):
    (folder / "take 1.mp3").write_bytes(b"ID3")  # of what is there as .WAV
    assert numbers(folder) == list(range(12))
    (folder / "second" / "take 20.FLAC").write_bytes(b"fLaC")
    (folder / "take 21.aiff").write_bytes(b"FORM")
    with pytest.raises(ValueError, match=r"all recordings in .* as .wav files; got 2 of 14 that are none, such as sec"):
        numbers(folder)


def test_a_recording_that_cannot_be_read_is_named_not_left_out(folder, no_soundfile):
    (folder / "take 5.WAV").write_bytes(DECODED["mu-law"][0])
    with pytest.raises(ImportError, match=r"take 5.WAV; got none, and mu-law: pip install"):
        numbers(folder)
    (folder / "take 5.WAV").unlink()
    (folder / "take 5.WAV").symlink_to("nowhere.wav")
    with pytest.raises(FileNotFoundError, match="take 5.WAV"):
        numbers(folder)


def test_short_recordings_are_left_out_with_a_warning(folder):
    wav.write(folder / "click.wav", np.zeros(39, np.int16), RATE)
    with pytest.warns(UserWarning, match=r"^1 of 13 recordings in .* are shorter than length=40 and left out\.$"):
        assert numbers(folder) == list(range(12))
