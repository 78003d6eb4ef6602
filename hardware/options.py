"""Turns the plain options of a device into the typed options of its driver, all faults at once."""

import re
from collections.abc import Mapping
from types import UnionType
from typing import TypeVar, Union, get_args, get_origin

import msgspec

OptionsT = TypeVar("OptionsT", bound=msgspec.Struct)


class OptionsError(ValueError):
    """The options of a device are wrong; `problems` has one sentence for each fault."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def read_options(options: Mapping[str, object], kind: type[OptionsT]) -> OptionsT:
    """Return the options as `kind`, each value checked against its field's type.

    Raises OptionsError naming every unknown, missing and ill-typed key, those of tables within the
    options, too, and what is expected. A struct names each fault of its own in a line.
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
            values[field.name] = _read_value(options[name], field.type)
        except OptionsError as error:
            problems += [f"{name}.{problem}" for problem in error.problems]
        except msgspec.ValidationError as error:
            problems.append(f"{name}: {_without_root(str(error))}")
    if problems:
        raise OptionsError(tuple(problems))
    try:
        return kind(**values)
    except ValueError as error:
        raise OptionsError(tuple(str(error).splitlines())) from error


def _read_value(value: object, kind: object) -> object:
    """Return an option's value as its field's type, a table as the struct that is made of it."""
    if isinstance(value, Mapping):
        kinds = get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
        for each in kinds:
            if isinstance(each, type) and issubclass(each, msgspec.Struct):
                return read_options(value, each)
    return msgspec.convert(value, kind, str_keys=True)


def _without_root(text: str) -> str:
    """Return msgspec's words with its path written as an index below the option."""
    return re.sub(r" - at `\$(.*)`$", r" (at \1)", text)
