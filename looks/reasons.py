"""Why a device or a store is unwell, in the words of staff instead of those of a program."""

from dataclasses import dataclass

from looks.words import Words

# What a reason contains, in the program's own words, and the code of what it means; the first that
# fits. Drivers give some as one word, which must be the whole of it; sentences end differently.
CODES: tuple[tuple[str, str], ...] = (
    ("still hangs in its last read", "hangs"),
    ("gives no more frames", "unplugged"),
    ("was unplugged", "unplugged"),
    ("was it unplugged", "unplugged"),
    ("is in use by another program", "busy"),
    ("may not be used by this user", "not_allowed"),
    ("has a name that nobody knows", "unknown_name"),
    ("does not answer", "no_answer"),
    ("refuses connections", "no_service"),
    ("wants a name and a password", "password"),
    ("has a certificate that nobody", "certificate"),
    ("has no stream at this path", "no_stream"),
    ("gives no video that can be read", "no_video"),
    ("made the video library crash", "crashed"),
    ("cannot be opened", "cannot_open"),
    ("cannot be reached", "unreachable"),
    ("is not open", "cannot_open"),
    ("is everything installed that it needs", "helper"),
    ("cannot be started", "helper"),
    ("as a model of people", "model"),
    ("there is no model", "model"),
    ("add the model again", "model"),
    ("has the digest", "model"),
    ("is larger than", "model"),
    ("cannot be read: ", "model"),
    ("was lost", "lost"),
    ("serial scanner at", "lost"),
    ("failed in the video library", "video_library"),
    ("frames above", "too_large"),
    ("there is no image in", "no_images"),
    ("cannot be listed", "no_folder"),
    ("in the program; see the log", "mistake"),
    ("the uplink failed and begins again", "uplink"),
    ("the uplink waits for the database", "uplink"),
    ("does not run: restart the agent", "thread"),
    ("a chore cannot be done", "chore"),
    ("the outbox was full and refused", "refused"),
    ("readings were not recorded", "unrecorded"),
    ("the recorder does not run", "recorder"),
    ("nothing can be recorded", "recorder"),
    ("the outbox is nearly full", "outbox_full"),
    ("the disk is nearly full", "disk_full"),
    ("the database was damaged and set aside", "salvaged"),
    ("the database", "database"),
    ("the clock cannot be trusted", "clock"),
)
WORDS: dict[str, str] = {
    "stalled": "stalled",
    "black": "black",
    "blank": "blank",
    "frozen": "frozen",
    "blurred": "blurred",
    "moved": "moved",
    "reads-little": "reads_little",
    "unreadable-image": "unreadable_image",
    "ended": "ended",
    "garbage": "garbage",
    "not-connected": "not_connected",
    "stuck-trigger": "stuck_trigger",
    "decoder-hung": "decoder_hung",
    "decoder-crashed": "decoder_crashed",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason in words; `detail` is what the program said, for whoever mends it."""

    text: str
    detail: str


def code_of(raw: str) -> str:
    """Return the code of a program's reason, empty for one that this version does not know."""
    if raw in WORDS:
        return WORDS[raw]
    return next((code for part, code in CODES if part in raw), "")


def say_reason(raw: str, words: Words) -> Reason:
    """Put a program's reason into words; one that nobody translated stands as it is."""
    code = code_of(raw)
    return Reason(words(f"staff.reason.{code}"), raw) if code else Reason(raw, "")
