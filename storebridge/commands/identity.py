"""`storebridge identity`: who is who, in files of records and of events."""

import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from storebridge.commands.answers import NOT_POSSIBLE, Answering, refuse
from storebridge.commands.identity_files import (
    Json,
    read_events,
    refuse_one_file,
    say,
    write_csv,
    write_lines,
)
from storebridge.commands.identity_rules import rules
from storebridge.named_file import named_file

app = typer.Typer(
    cls=Answering,
    help="Who is who: link noisy records, replay events, measure both.",
    no_args_is_help=True,
)

app.add_typer(rules, name="rules")

# The mode of a file that holds plain identifiers: its owner's alone.
PRIVATE = 0o600

Events = Annotated[
    Path,
    typer.Argument(help="JSON Lines, an event a line; .gz.", parser=named_file, metavar="EVENTS"),
]


@app.callback()
def main() -> None:
    """Say who is who in files of records and of events."""


@app.command()
def link(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV with unique_id and names, dates, places; .gz.",
            parser=named_file,
            metavar="FILE",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help="CSV to write: unique_id, cluster_id.",
            parser=named_file,
            metavar="FILE",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Group the records of each person, without being told any pair that is right."""
    from cloud_sync.identity.linkage.link import link as link_people
    from cloud_sync.identity.linkage.people import PeopleError, read_people

    began = time.monotonic()
    refuse_one_file({"the file of records": file, "--out": out})
    try:
        people = read_people(file)
        linked = link_people(people)
        write_csv(out, ("unique_id", "cluster_id"), zip(people.ids, linked.groups, strict=True))
    except PeopleError as error:
        raise refuse(f"Nothing was linked: {error}", NOT_POSSIBLE) from None
    except OSError as error:
        raise refuse(f"{out} cannot be written: {error.strerror}", NOT_POSSIBLE) from None
    sizes = Counter(linked.groups)
    say(
        {
            "records": len(people.ids),
            "clusters": len(sizes),
            "largest_cluster": max(sizes.values(), default=0),
            **{name: round(figure, 4) for name, figure in linked.figures.items()},
            "columns": {name: role for name, (role, _) in people.columns.items()},
            "ignored_columns": list(people.ignored),
            "problems": dict(people.problems),
            "seconds": round(time.monotonic() - began, 1),
        },
        as_json,
    )


@app.command()
def evaluate(
    links: Annotated[
        Path,
        typer.Argument(
            help="CSV with unique_id and cluster_id.", parser=named_file, metavar="LINKS"
        ),
    ],
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV with unique_id and the true group.", parser=named_file, metavar="FILE"
        ),
    ],
    truth: Annotated[str, typer.Option(help="The column of the true group.")] = "cluster",
    as_json: Json = False,
) -> None:
    """Measure groups against the truth: precision, recall and F1 over pairs of records."""
    from cloud_sync.identity.linkage.evaluation import evaluate as compare
    from cloud_sync.identity.linkage.people import PeopleError, read_column

    try:
        found, true = read_column(links, "cluster_id"), read_column(file, truth)
    except PeopleError as error:
        raise refuse(f"Nothing was measured: {error}", NOT_POSSIBLE) from None
    measured = compare(found, {record: group for record, group in true.items() if group})
    if not measured.true:
        raise refuse(
            f"There is nothing to measure: no two of the {measured.records} records that have a"
            f" {truth!r} in {file} have the same one",
            NOT_POSSIBLE,
        )
    say(
        {
            "precision": round(measured.precision, 6),
            "recall": round(measured.recall, 6),
            "f1": round(measured.f1, 6),
            "largest_cluster": measured.largest,
            "clusters": measured.groups,
            "records": measured.records,
            "records_not_in_links": measured.absent,
            "pairs_joined": measured.joined,
            "pairs_true": measured.true,
            "pairs_right": measured.right,
        },
        as_json,
    )


@app.command()
def replay(
    events: Events,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help="JSON Lines to write: event_id, shopper_id.",
            parser=named_file,
            metavar="FILE",
        ),
    ],
    shared: Annotated[
        Path | None,
        typer.Option(
            help="JSON Lines to write: what many people use, each with the reason.",
            parser=named_file,
            metavar="FILE",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say whose each event is, as it is known after the last one.

    Lines that are no events are kept, with the reason, in a file beside the output.
    """
    from cloud_sync.identity.replay import assign

    began = time.monotonic()
    rejects = out.with_name(f"{out.name}.rejects.jsonl")
    files = {"the file of events": events, "--out": out, "the file of rejects": rejects}
    refuse_one_file(files | ({"--shared": shared} if shared else {}))
    replayed = read_events(events)
    assigned = assign(replayed.events)
    try:
        write_lines(
            out,
            (
                {"event_id": replayed.written[event], "shopper_id": shopper}
                for event, shopper in assigned.shoppers.items()
            ),
        )
        rejects.unlink(missing_ok=True)
        if shared:
            write_lines(shared, assigned.shared(), mode=PRIVATE)
        if replayed.rejects:
            write_lines(rejects, (each.as_json() for each in replayed.rejects), mode=PRIVATE)
    except OSError as error:
        raise refuse(f"{out} cannot be written: {error.strerror}", NOT_POSSIBLE) from None
    figures = {
        **assigned.figures(),
        "repeated_events": replayed.repeated,
        "rejects": len(replayed.rejects),
        "rejects_file": str(rejects) if replayed.rejects else None,
        "seconds": round(time.monotonic() - began, 1),
    }
    say(figures, as_json)


@app.command()
def rebuild(
    config: Annotated[Path, typer.Argument(help="The service's TOML file.")],
    tenant: Annotated[str, typer.Option(help="The brand or group.")],
    as_json: Json = False,
) -> None:
    """Look at the whole log of a tenant, and set right whoever is not who they should be.

    The service may run meanwhile.
    """
    from cloud_sync.shoppers.graph.whole_graph import set_right
    from storebridge.commands.cloud import opened_as_it_is, read_config

    began = time.monotonic()
    with opened_as_it_is(read_config(config)) as database:
        wrong = set_right(database, tenant)
    say({"set_right": wrong, "seconds": round(time.monotonic() - began, 1)}, as_json)
