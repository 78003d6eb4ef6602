"""The rows of a CSV text, of which one broken quotation mark spoils no more than its own line."""

import csv
import io
from collections.abc import Iterator

# A value that is longer, or goes on over more lines, began with a quotation mark that nobody
# closed. Addresses have four lines, remarks seldom ten.
QUOTED_LINES_MAX = 10
QUOTED_CHARACTERS_MAX = 10_000
DELIMITERS = (",", ";", "\t")


class Rows(Iterator[list[str]]):
    """Reads a text row by row; `unclosed` has the numbers of lines with a broken quotation mark.

    Such a line is read as if it had no quotation marks, and the next row begins after it.

    Raises csv.Error where a value is longer than the csv module allows.
    """

    def __init__(self, text: str) -> None:
        self.unclosed: list[int] = []
        self._lines = list(io.StringIO(text, newline=""))
        self._delimiter = max(DELIMITERS, key=text.partition("\n")[0].count)
        self._width = 0
        self._first = self._next = 0
        self._reader = csv.reader(self._fed(), delimiter=self._delimiter)

    def __next__(self) -> list[str]:
        """Return the next row, of one line or of several that a quoted value goes over."""
        self._first = self._next
        if self._first == len(self._lines):
            raise StopIteration
        row = next(self._reader)
        taken = self._next - self._first
        if taken == 0 or (taken > 1 and not self._is_sound()):
            row = self._first_line_alone()
        self._width = self._width or len(row)
        return row

    def _fed(self) -> Iterator[str]:
        """Yield lines; end where the row that is being read is longer than any should be."""
        while self._next < len(self._lines):
            taken = self._lines[self._first : self._next]
            if len(taken) == QUOTED_LINES_MAX or sum(map(len, taken)) > QUOTED_CHARACTERS_MAX:
                break
            self._next += 1
            yield self._lines[self._next - 1]
        # Whoever asks for a line in vain still looks for a quotation mark; none was taken, then.
        self._next = self._first

    def _is_sound(self) -> bool:
        """Tell whether a row of several lines is as it should be in every respect."""
        lines = self._lines[self._first : self._next]
        try:
            (row,) = csv.reader(lines, delimiter=self._delimiter, strict=True)
        except (csv.Error, ValueError):
            return False
        return self._width in (0, len(row))

    def _first_line_alone(self) -> list[str]:
        self.unclosed.append(self._first + 1)
        self._next = self._first + 1
        self._reader = csv.reader(self._fed(), delimiter=self._delimiter)
        line = self._lines[self._first]
        (row,) = csv.reader([line], delimiter=self._delimiter, quoting=csv.QUOTE_NONE)
        return [value.strip('"') for value in row]
