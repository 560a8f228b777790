"""A full disk, as close as a test comes to it by itself."""

from __future__ import annotations

import contextlib
import resource
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def disk_full_after(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes: what the kernel says then is what it says of a full disk.

    Python keeps nothing that it compiles meanwhile: it doesn't notice that only half of it is written, and no later process
    could import that module.
    """
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    keeps_nothing = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        sys.dont_write_bytecode = keeps_nothing
