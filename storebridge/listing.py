"""How commands list what can be set, and what is wrong with what was set."""

import json
from typing import TYPE_CHECKING

import typer

from settings.setting import Settings

if TYPE_CHECKING:
    from settings.reading import ConfigError


def list_settings(settings: Settings, *, as_json: bool) -> None:
    """Print a table of settings, one a line or as one JSON list."""
    rows = [
        {
            "name": each.name,
            "default": None if each.required else each.default,
            "required": each.required,
            "environ": each.environ or None,
            "about": each.about,
        }
        for each in settings
        if not each.name.endswith("{}")
    ]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, default=str))
        return
    for row in rows:
        default = "required" if row["required"] else f"default {row['default']!r}"
        typer.echo(f"{row['name']} ({default}): {row['about']}")


def tell_problems(error: "ConfigError", *, as_json: bool) -> None:
    """Print what is wrong with a file: every key in words, or one JSON object instead."""
    if as_json:
        wrong = {"file": error.file, "problems": error.problems}
        typer.echo(json.dumps(wrong, ensure_ascii=False))
    else:
        typer.echo(str(error), err=True)
