"""Turns the plain options of a device into the typed options of its driver, all faults at once."""

import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec

OptionsT = TypeVar("OptionsT", bound=msgspec.Struct)


class OptionsError(ValueError):
    """The options of a device are wrong; `problems` has one sentence for each fault."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def read_options(options: Mapping[str, object], kind: type[OptionsT]) -> OptionsT:
    """Return the options as `kind`, each value checked against its field's type.

    Raises OptionsError naming every unknown, missing and ill-typed key, and what is expected.
    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    problems = [
        f"{key}: no such option; known: {', '.join(fields)}" for key in options if key not in fields
    ]
    values: dict[str, object] = {}
    for name, field in fields.items():
        if name not in options:
            if field.required:
                problems.append(f"{name}: is missing")
            continue
        try:
            values[field.name] = msgspec.convert(options[name], field.type, str_keys=True)
        except msgspec.ValidationError as error:
            problems.append(f"{name}: {_without_root(str(error))}")
    if problems:
        raise OptionsError(tuple(problems))
    try:
        return kind(**values)
    except ValueError as error:
        raise OptionsError((str(error),)) from error


def _without_root(text: str) -> str:
    """Return msgspec's words with its path written as an index below the option."""
    return re.sub(r" - at `\$(.*)`$", r" (at \1)", text)
