"""The command line: reads what is asked, runs it, turns an error into one sentence. Nothing heavy is imported for help.

tfp-flows list [MODEL]
tfp-flows train MODEL --data NAME_OR_PATH --out DIR
tfp-flows distill DIR
tfp-flows evaluate DIR
tfp-flows score DIR FILE
tfp-flows sample DIR
tfp-flows trajectories DIR
tfp-flows interpolate DIR
tfp-flows reconstruct DIR
tfp-flows novelty DIR --data NAME_OR_PATH
tfp-flows export DIR
"""

import argparse
import contextlib
import os
import shlex
import sys
import warnings

import tfp_flows
from tfp_flows import commands


def main(argv=None):
    """Runs one command. Returns the exit code: 0, or 2 with one sentence on stderr for what was asked wrongly."""
    argv = sys.argv[1:] if argv is None else list(argv)
    options = _parser().parse_args(argv)
    options.command_line = shlex.join(["tfp-flows", *argv])
    try:
        with _warnings_as_sentences():
            options.check(options)
            if not options.is_light:
                _import_tensorflow()
            options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads it, `head` say, has enough.
        _drop_output()
        return 1
    except (ValueError, ImportError, OSError, RuntimeError) as error:
        # Of RuntimeErrors a sampler's alone is a sentence for the user; by its name, for its home imports TensorFlow.
        is_fault = isinstance(error, RuntimeError) and type(error).__name__ != "SamplingError"
        if is_fault or os.environ.get("TFP_FLOWS_TRACEBACK"):
            raise
        print(f"tfp-flows: error: {' '.join(str(error).split())}", file=sys.stderr)
        _drop_output()
        return 2
    except KeyboardInterrupt:
        kept = (
            "; what finished epochs wrote is kept, and --resume goes on from it" if options.command == "train" else ""
        )
        print(f"\ntfp-flows: interrupted{kept}.", file=sys.stderr)
        return 130
    return 0


def _parser():
    parser = argparse.ArgumentParser(
        prog="tfp-flows",
        description="Normalizing flows: train with Keras, evaluate, sample, export for TensorFlow Serving.",
        epilog="An error is one sentence and exit code 2; TFP_FLOWS_TRACEBACK=1 shows where it was raised.",
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    parser.add_argument("--version", action="version", version=f"tfp-flows {tfp_flows.__version__}")
    parser.set_defaults(check=lambda options: None, is_light=False)
    for command in commands.ALL:
        command.add(subparsers)
    return parser


@contextlib.contextmanager
def _warnings_as_sentences():
    """What is said of the data is for the user, who need not know in which file of the package it is said."""
    standard, said = warnings.formatwarning, set()

    def sentence(message, category, *rest, **more):
        if category is UserWarning:
            # Data that are read twice are spoken of once.
            text = "" if str(message) in said else f"tfp-flows: warning: {message}\n"
            said.add(str(message))
            return text
        return standard(message, category, *rest, **more)

    warnings.formatwarning = sentence
    try:
        yield
    finally:
        warnings.formatwarning = standard


def _drop_output():
    """Lets what cannot be written to standard output be lost: Python would try again at its exit, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _import_tensorflow():
    """Imports TensorFlow without its chatter about devices that are not there, which it writes past Python."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
            import tensorflow_probability  # noqa: F401
        finally:
            os.dup2(kept, 2)
            os.close(kept)


if __name__ == "__main__":
    sys.exit(main())
