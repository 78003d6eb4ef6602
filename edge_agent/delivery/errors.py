"""Why something was not recorded.

RecordError         for a reason that lies outside the writer, such as a failing disk
├── RecorderClosed  the recorder was closed
└── OutboxFull      a limit of the outbox is reached, and its policy is to refuse
"""


class RecordError(Exception):
    """Nothing of this write was recorded, for a reason that lies outside the writer."""


class RecorderClosed(RecordError):
    """The recorder was closed before the write was recorded."""


class OutboxFull(RecordError):
    """A limit with the policy "refuse-new" is reached: nothing of this write was recorded."""
