"""How commands list what can be set."""

import json

import typer

from settings.setting import Settings


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
