"""What the scripts compare with: the first mismatch ends the script and says what was expected."""

import os
import sys
from contextlib import contextmanager


def setting(name):
    """A setting that the test harness gives by the environment, such as SANDBOX_URL."""
    return os.environ.get(name) or fail(f"{name} is not set")


def fail(message):
    sys.exit(f"{os.path.basename(sys.argv[0])}: {message}")


def equal(what, found, expected):
    if found != expected:
        fail(f"{what}: expected {expected!r}, found {found!r}")


def holds(what, truth, found=None):
    if not truth:
        fail(f"{what} does not hold: {found!r}")


@contextmanager
def raises(what, kind):
    """Expects an exception of exactly this class; it is the list's one element afterwards."""
    caught = []
    try:
        yield caught
    except Exception as error:  # Whatever a library raises instead is the mismatch to report.
        if type(error) is not kind:
            fail(f"{what}: expected {kind.__name__}, found {type(error).__name__}: {error}")
        caught.append(error)
    else:
        fail(f"{what}: expected {kind.__name__}, nothing was raised")
