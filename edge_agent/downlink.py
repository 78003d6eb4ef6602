"""What comes down from the cloud, applied to the local view in one transaction."""

from edge_agent import local_view
from edge_agent.delivery.recorder import Recorder, Writing
from wire.messages import Update


def apply(recorder: Recorder, update: Update) -> int:
    """Apply an Update whole, together with the revision that it leads to.

    Returns how many of its changes this version did not understand. The commit need not be on
    disk: after a power cut the Birth names the revision that is, and the cloud repeats the rest.
    """

    def change(writing: Writing) -> int:
        connection = writing.connection
        if update.snapshot:
            local_view.clear(connection)
        understood = [local_view.apply(connection, each) for each in update.changes]
        connection.execute(
            "UPDATE delivery SET applied = ?, applied_owner = ?", (update.end, update.owner)
        )
        return understood.count(False)

    return recorder.write(change, durable=False)
