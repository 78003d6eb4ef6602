"""One line of a table of settings."""

from collections.abc import Sequence
from dataclasses import dataclass

from settings.checks import Check

_REQUIRED = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting: its dotted name, what it accepts, its default, and what it is for.

    `[]` in a name stands for each entry of a list, `{}` for each entry of a table by its name; a
    setting whose name ends with `{}` checks these names. A secret is not repeated in messages; it
    may come from the environment, whose variable then wins over the file.
    """

    name: str
    check: Check
    about: str
    default: object = _REQUIRED
    environ: str = ""
    secret: bool = False

    @property
    def required(self) -> bool:
        """Tell whether the file must say it."""
        return self.default is _REQUIRED and not self.name.endswith("{}")

    @property
    def hidden(self) -> bool:
        """Tell whether a message must not repeat its value."""
        return self.secret or bool(self.environ)


Settings = Sequence[Setting]
