"""What a model server does wrong, and what it says of a request that is wrong, in one sentence each."""

import re

# Of TensorFlow's message, the sentence of a check of ours: without the marks and the names of operations around it.
_SENTENCE = re.compile(r"Expected .*?\.(?= </|\]|\s*\n|\s*$)", re.DOTALL)


class ServerError(RuntimeError):
    """A model server did not answer: it is not there, too slow, or does not serve the model."""


def sentence(message):
    """What a server's message says, in one line.

    Args:
        message: str, as TensorFlow wrote it.

    Returns:
        str: the sentence of a check in the graph where there is one; else the message without the places in the graph.

    Example:
        >>> from tfp_flows.serving.server_error import sentence
        >>> sentence("assertion failed: [<sampling> Expected n of at least 1; got 0. </sampling>]\\n\\t [[{{node a}}]]")
        'Expected n of at least 1; got 0.'
        >>> sentence("Matrix size-incompatible\\n\\t [[{{node MatMul}}]]")
        'Matrix size-incompatible'
    """
    found = _SENTENCE.search(message)
    text = found.group() if found else message.partition("[[{{")[0]
    return " ".join(text.replace("\\'", "'").split())


def unreachable(address, error):
    """A `ServerError`: nobody listens there."""
    return ServerError(f"Expected a model server at {address}; got {type(error).__name__}: {error}.")


def too_slow(address, timeout):
    """A `ServerError`: no answer in time."""
    return ServerError(f"Expected an answer from {address} within {timeout:g} s; got none.")


def unknown(address, model, message):
    """A `ServerError`: it does not serve the model, or not that version."""
    return ServerError(f"Expected a server of {model} at {address}; got: {sentence(message)}")


def failed(address, status, message):
    """A `ServerError`: any other failure."""
    return ServerError(f"Expected an answer from {address}; got {status}: {sentence(message)}")


def refused(signature, message):
    """A ValueError: what was sent is wrong, as the graph or the server found."""
    said = sentence(message)
    return ValueError(said if said.startswith("Expected") else f"Expected what {signature} takes; got: {said}")
