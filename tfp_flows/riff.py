"""The head of a WAV file, as recorders leave it: what its audio samples are, and where in the file they lie.

    RIFF, RIFX (big-endian) or RF64 (beyond 4 GiB), length, WAVE, then chunks: name, length, content, padded to be even

Of the chunks `fmt ` says what the samples are, `data` holds them, and all others are passed over. A recorder that
writes to a pipe, or is cut off, never learns the length of what it writes and leaves it at 0 or at its largest: the
samples then reach to the end of the file. Any other length that the file does not have is a file cut short.
Microsoft and IBM, Multimedia Programming Interface, 1991; for WAVE_FORMAT_EXTENSIBLE Microsoft, Multiple Channel Audio
Data and WAVE Files, 2001; for RF64 EBU Tech 3306.
"""

from __future__ import annotations

import dataclasses
import os
import struct
import typing

_ENCODINGS = {
    0x0001: "PCM", 0x0002: "Microsoft ADPCM", 0x0003: "float", 0x0006: "A-law", 0x0007: "mu-law", 0x0011: "IMA ADPCM",
    0x0031: "GSM 6.10", 0x0040: "G.721 ADPCM", 0x0050: "MPEG", 0x0055: "MP3", 0x0161: "Windows Media Audio",
}  # fmt: skip
# With as many bytes for each audio sample, whatever comes before it.
_PLAIN = ("PCM", "float", "A-law", "mu-law")
# What an encoding is followed by in WAVE_FORMAT_EXTENSIBLE, which has 16 bytes for it.
_EXTENSIBLE, _GUID = 0xFFFE, bytes.fromhex("000000001000800000aa00389b71")
# Nothing that is recorded is as long: sox leaves 0x7FFFF000, arecord 0x80000000, ffmpeg 0xFFFFFFFF.
_LARGEST = 0x7FFFF000
_OTHERS = {
    b"\x00\x05\x16\x07": "what macOS notes beside a file (AppleDouble)", b"fLaC": "FLAC", b"OggS": "Ogg",
    b"ID3": "MP3", b"\xff\xfb": "MP3", b"FORM": "AIFF", b"riff": "Wave64", b".snd": "AU", b"caff": "Core Audio",
    b"NIST": "NIST SPHERE", b"#!AMR": "AMR",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Head:
    """What the head of a WAV file says.

    Attributes:
        encoding: str, such as "PCM", "float", "mu-law".
        bits: int, of one audio sample; 0 where the encoding has no such number.
        num_channels, sample_rate: ints, the second a second.
        frame_bytes: int, of one audio sample of all channels; of one block where samples are coded in blocks.
        start, length: ints, bytes, of the samples in the file, in whole frames.
        byte_order: "<" or ">", of all numbers in the file.
        fmt: bytes, the content of this chunk.
        fact: int, the samples of each channel as the chunk of this name has them: those that are coded in blocks end
            within the last one. 0 where it says nothing.
    """

    encoding: str
    bits: int
    num_channels: int
    sample_rate: int
    frame_bytes: int
    start: int
    length: int
    byte_order: str
    fmt: bytes
    fact: int

    def __str__(self):
        return f"{self.bits}-bit {self.encoding}" if self.encoding in ("PCM", "float") else self.encoding

    @property
    def num_frames(self):
        """Int, the audio samples of each channel; None where they are coded in blocks."""
        return self.length // self.frame_bytes if self.encoding in _PLAIN else None


def read(file: typing.BinaryIO, path: str | os.PathLike) -> Head:
    """Reads the head of a WAV file.

    Args:
        file: binary file, open for reading, that can seek.
        path: its name, for errors.

    Returns:
        Head.

    Raises:
        ValueError: where it is no WAV file, or one whose chunks or lengths do not fit each other.

    Example:
        >>> import io, wave
        >>> from tfp_flows import riff
        >>> file = io.BytesIO()
        >>> with wave.open(file, "wb") as recording:
        ...     recording.setparams((2, 3, 48000, 0, "NONE", ""))
        ...     recording.writeframes(bytes(60))
        >>> head = riff.read(file, "silence.wav")
        >>> str(head), head.num_channels, head.num_frames
        ('24-bit PCM', 2, 10)
    """
    size = file.seek(0, os.SEEK_END)
    order = _byte_order(file, path)
    found = {}
    position, length_64 = 12, None
    while position + 8 <= size:
        name, length = _chunk(file, position, order)
        start, rest = position + 8, size - position - 8
        if name == b"data":
            if "data" in found:
                raise ValueError(f"Expected one data chunk in {path}; got a second one at byte {position}.")
            if length == 0xFFFFFFFF and length_64 is not None:
                length = length_64
            is_open = length > rest if length >= _LARGEST else length == 0 and not _are_chunks(file, start, size, order)
            length = rest if is_open else length
            found["data"] = start, length, is_open
            if length > rest:
                break
        elif name == b"ds64" and min(length, rest) >= 16:
            (length_64,) = struct.unpack(f"{order}8xQ", _bytes(file, start, 16))
        elif name in (b"fmt ", b"fact"):
            found.setdefault(name.decode().strip(), _bytes(file, start, min(length, rest)))
        position = start + length + length % 2
    return _head(found, size, order, path)


def _byte_order(file, path):
    start = _bytes(file, 0, 12)
    if start[:4] in (b"RIFF", b"RIFX", b"RF64") and start[8:] == b"WAVE":
        return ">" if start[:4] == b"RIFX" else "<"
    what = next((what for bytes_, what in _OTHERS.items() if start.startswith(bytes_)), None)
    what = what or ("MPEG-4" if start[4:8] == b"ftyp" else "other bytes" if start else "an empty file")
    raise ValueError(f"Expected a WAV file at {path}; got {what}.")


def _head(found, size, order, path):
    """The head, from the contents of its chunks."""
    fmt = found.get("fmt", b"")
    if len(fmt) < 16 or "data" not in found:
        missing = "data" if len(fmt) >= 16 else "fmt"
        raise ValueError(f"Expected a WAV file with a fmt and a data chunk at {path}; got no whole {missing} chunk.")
    tag, num_channels, sample_rate, frame_bytes, bits = struct.unpack(f"{order}HHI4xHH", fmt[:16])
    encoding = _ENCODINGS.get(tag, f"encoding 0x{tag:04x}")
    if tag == _EXTENSIBLE:
        guid = fmt[24:40]
        tag = int.from_bytes(guid[:2], "little") if guid[2:] == _GUID else None
        encoding = _ENCODINGS.get(tag, f"WAVE_FORMAT_EXTENSIBLE with encoding {guid.hex() or 'of none'}")
    for what, value in (("sample rate", sample_rate), ("number of channels", num_channels)):
        if value < 1:
            raise ValueError(f"Expected a positive {what} in {path}; got {value}.")
    sample_bytes = 1 if encoding in ("A-law", "mu-law") else -(-bits // 8)
    if frame_bytes < 1 or (encoding in _PLAIN and frame_bytes != num_channels * sample_bytes):
        raise ValueError(
            f"Expected {num_channels * sample_bytes} bytes for {num_channels} channels of {bits}-bit {encoding} in "
            f"{path}; got {frame_bytes}."
        )
    start, length, is_open = found["data"]
    if length // frame_bytes > (size - start) // frame_bytes:
        unit = "audio samples" if encoding in _PLAIN else "blocks of audio"
        raise ValueError(
            f"Expected {length // frame_bytes} {unit} in {path}, as its head says; got {(size - start) // frame_bytes}."
        )
    length = min(length, size - start)
    length -= length % frame_bytes if encoding in _PLAIN or is_open else 0
    # To a stream the number of its samples is as unknown as its length.
    fact = 0 if is_open else int.from_bytes(found.get("fact", b"")[:4], "little" if order == "<" else "big")
    return Head(encoding, bits, num_channels, sample_rate, frame_bytes, start, length, order, fmt, fact)


def _are_chunks(file, position, size, order):
    """Whether nothing but whole chunks, or nothing at all, reaches from a position to the end of the file."""
    while position + 8 <= size:
        name, length = _chunk(file, position, order)
        if not all(32 <= letter < 127 for letter in name):
            return False
        position += 8 + length + length % 2
    return position in (size, size + 1)


def _chunk(file, position, order):
    return struct.unpack(f"{order}4sI", _bytes(file, position, 8))


def _bytes(file, start, length):
    file.seek(start)
    return file.read(length)
