"""Reads the name of a file that was given on the command line."""

from pathlib import Path

import typer


def named_file(text: str) -> Path:
    """Return the path of a file or folder; an empty name is refused.

    It is what an unset variable of a script leaves, and would mean the folder one is in.
    """
    if not text:
        raise typer.BadParameter("the name is empty; name a file (this folder is called .)")
    return Path(text)


def is_folder(path: Path) -> bool:
    """Tell whether a path is a folder; one that may not be looked at is taken for none."""
    try:
        return path.is_dir()
    except OSError:
        return False
