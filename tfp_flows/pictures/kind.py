"""What an event is to a picture, by its shape: decided here, and nowhere else."""

from __future__ import annotations

import enum
import math


class Kind(enum.Enum):
    """What an event is to a picture.

    Attributes:
        AUDIO: a recording, drawn as its spectrogram.
        IMAGE: (height, width), (height, width, channels) of 1 or 3 channels, or a square of at least 4 x 4 laid out as
            a vector; drawn as it is, many in a grid or in rows.
        POINTS: points of the plane, (2,), drawn as a cloud.
        TABLE: vectors whose elements have names, drawn as a corner plot.
        VECTORS: other vectors, drawn as a histogram for each feature.
        OTHER: what no picture shows.

    Example:
        >>> from tfp_flows.pictures import Kind
        >>> [kind.value for kind in Kind]
        ['audio', 'image', 'points', 'table', 'vectors', 'other']
    """

    AUDIO = "audio"
    IMAGE = "image"
    POINTS = "points"
    TABLE = "table"
    VECTORS = "vectors"
    OTHER = "other"


def kind_of(event_shape: tuple[int, ...], sample_rate: int | None = None) -> Kind:
    """The kind of an event.

    Args:
        event_shape: tuple of ints.
        sample_rate: int, audio samples a second, of a recording; None for what is none.

    Returns:
        `Kind`.

    Example:
        >>> from tfp_flows import pictures
        >>> [pictures.kind_of(shape).value for shape in ((28, 28, 1), (64,), (2,), (5,))]
        ['image', 'image', 'points', 'vectors']
        >>> pictures.kind_of((64,), sample_rate=8000).value
        'audio'
    """
    if sample_rate is not None:
        return Kind.AUDIO
    if image_shape(event_shape) is not None:
        return Kind.IMAGE
    if len(event_shape) != 1:
        return Kind.OTHER
    return Kind.POINTS if event_shape[0] == 2 else Kind.VECTORS


def image_shape(event_shape):
    """(height, width, channels) of an event that is an image or a square laid out as a vector, else None."""
    event_shape = tuple(event_shape)
    if len(event_shape) == 3 and event_shape[-1] in (1, 3):
        return event_shape
    if len(event_shape) == 2:
        return (*event_shape, 1)
    if len(event_shape) == 1:
        side = math.isqrt(event_shape[0])
        if side >= 4 and side * side == event_shape[0]:
            return side, side, 1
    return None
