"""How a command ends when the world prevents it: its reader went away, a disk is full."""

import contextlib
import errno
import json
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator

JSON_OPTION = "--json"
REFUSED = 1
# What a shell reports of a program that was ended by SIGPIPE, as those of the system are.
UNREAD = 128 + signal.SIGPIPE
STANDARD_OUTPUT, STANDARD_ERROR = 1, 2
RIGHTS = "give this account the right to it, or name another"

# What may be wrong with a disk or a name, and what to do about it.
REMEDIES = {
    errno.EACCES: RIGHTS,
    errno.EPERM: RIGHTS,
    errno.EROFS: RIGHTS,
    errno.EISDIR: "name a file",
    errno.ENOTDIR: "name a folder",
    errno.EEXIST: "name another, or move what is there",
    errno.ENOENT: "check the name",
    errno.ENAMETOOLONG: "name a shorter one",
    errno.ELOOP: "check where its links lead",
    errno.ENOSPC: "free the disk, then run it again",
    errno.EDQUOT: "free the disk, then run it again",
    errno.EFBIG: "free the disk, then run it again",
    errno.EIO: "check the disk, then run it again",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "raise the system's limit of open files",
}


def run_to_its_end(command: Callable[[], object]) -> None:
    """Run a command line whose every end is told in words or, where nobody reads it, by its code.

    - a reader that went away, as `head` does, ends it quietly, and its code is UNREAD;
    - a disk or name that cannot be used is one line on standard error, or JSON where that was asked
      for, and the code is REFUSED;
    - all else is left as it is: a mistake of ours shows itself.
    """
    with_readers = list(_pipes())
    try:
        _run_and_flush(command)
    except BrokenPipeError:
        if not any(map(_is_unread, with_readers)):
            raise  # another pipe than those to whoever started us
        _fall_silent()
        sys.exit(UNREAD)
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        _tell(in_words(error))
        _fall_silent()
        sys.exit(REFUSED)


def in_words(error: OSError) -> str:
    """Say what happened, to what, and what to do next."""
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    what = " and ".join(names) or "the disk, or what the answer is written to,"
    return f"{what} cannot be used: {error.strerror}; {REMEDIES[error.errno or 0]}"


def _run_and_flush(command: Callable[[], object]) -> None:
    try:
        command()
    except SystemExit as ending:
        # Typer and Rich make an ordinary end of it.
        if isinstance(ending.__context__, BrokenPipeError):
            raise ending.__context__ from None
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        raise


def _pipes() -> Iterator[int]:
    """Yield copies of the standard output and error: Rich puts others in their place."""
    for descriptor in (STANDARD_OUTPUT, STANDARD_ERROR):
        try:
            yield os.dup(descriptor)
        except OSError:
            continue  # whoever started us has closed it


def _is_unread(descriptor: int) -> bool:
    """Tell whether nobody holds the other end any more."""
    asked = select.poll()
    asked.register(descriptor, 0)
    return bool(asked.poll(0))


def _tell(message: str) -> None:
    """Write one line, as JSON to the standard output where that was asked for."""
    as_json = JSON_OPTION in sys.argv
    line = json.dumps({"error": message}) if as_json else message
    for descriptor in (STANDARD_OUTPUT, STANDARD_ERROR) if as_json else (STANDARD_ERROR,):
        with contextlib.suppress(OSError):  # the code says it, too
            os.write(descriptor, f"{line}\n".encode(errors="backslashreplace"))
            return


def _fall_silent() -> None:
    """Have what is still in buffers go nowhere, so that the interpreter ends in peace."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (STANDARD_OUTPUT, STANDARD_ERROR):
        os.dup2(nowhere, descriptor)
