"""Values that nobody has: refused before an identifier is keyed, when nobody can tell any more.

A rule is data: to refuse other values, change a line of JUNK. What fits a line is matched whole, in
lower case.
"""

import re
from collections.abc import Mapping

VALUE_CHARACTERS_MAX = 512

# What programs and people write where they know nothing, and what testers use.
JUNK: Mapping[str, str] = {
    "zeros": r"[0\W_]*",
    "a repeated character": r"(\w)\1{3,}|\+?\d{0,3}(\d)\2{6,}",
    "counting up or down": r"\+?(0?123456(7(8(90?)?)?)?|9?87654321?0?)",
    "a placeholder": r"n/?a|nan|nil|null|none|undefined|unknown|anonymous|anon|guest|empty"
    r"|default|placeholder|not[ _-]?(set|provided|available|known)|no[ _-]?(name|email|phone|id)"
    r"|deleted|removed|redacted|invalid|missing|blank|tbd|true|false|-?1|x+|\[object object\]"
    r"|no-?reply@.*",
    "a test id": r"(test|dummy|demo|sample|example|fake|foo|bar|asdf|qwerty)([ _.-]?"
    r"(user|id|member|customer|account|phone|email|cookie|device))?[ _-]?\d{0,3}(@.*)?",
    "a code of no device": r"0{8}-0{4}-0{4}-0{4}-0{12}|f{8}-f{4}-f{4}-f{4}-f{12}|02:00:00:00:00:00",
}
_JUNK = {reason: re.compile(pattern) for reason, pattern in JUNK.items()}


def junk_reason(value: str) -> str | None:
    """Return why a value is nobody's, or None where it may be somebody's."""
    plain = " ".join(value.lower().split())
    if not plain:
        return "no value"
    if len(plain) > VALUE_CHARACTERS_MAX:
        return "too long"
    return next((reason for reason, junk in _JUNK.items() if junk.fullmatch(plain)), None)
