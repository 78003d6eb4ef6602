"""What the columns of a file of persons mean, told by their names."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

Role = Literal["name", "date", "postcode", "place", "category", "number", "address"]

ID_COLUMN = "unique_id"
# A name of a column, in lower case with words joined by `_`, is matched whole. What matches none
# is left out of the linkage, and said so.
ROLES: Mapping[Role, str] = {
    "name": r"(full_?|first_?|given_?|middle_?|last_?|family_?|sur)?names?|first_and_surname",
    "date": r"dob|date_of_birth|birth_?da(te|y)",
    "postcode": r"post_?(al_)?code(_\w+)?|zip(_?code)?|plz",
    "place": r"birth_?place|place_of_birth|city|town|suburb|locality|municipality",
    "category": r"gender|sex|occupation|profession|job|state|county|nationality|country",
    "number": r"soc_sec_id|ssn|national_id|(tele)?phone(_number)?|mobile|e_?mail(_address)?"
    r"|member(ship)?(_(id|number|code))?|loyalty(_(id|card))?|customer_(id|number)",
    "address": r"(street_?)?address(_?\w+)?|street(_\w+)?|house_number",
}


def roles_of(columns: Sequence[str]) -> dict[str, Role]:
    """Return the role of each column that has one, in the order of the file."""
    found: dict[str, Role] = {}
    for column in columns:
        plain = re.sub(r"[\s.-]+", "_", column.strip().lower())
        for role, pattern in ROLES.items():
            if re.fullmatch(pattern, plain):
                found[column] = role
                break
    return found
