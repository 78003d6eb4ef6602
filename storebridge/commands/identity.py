"""`storebridge identity`: who is who, in files of records and of events."""

import csv
import gzip
import json
import os
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, cast

import typer

from storebridge.named_file import named_file

if TYPE_CHECKING:
    from cloud_sync.identity.replay import Replay
    from cloud_sync.identity.rules import KindRule

app = typer.Typer(
    help="Who is who: link noisy records, replay events, measure both.", no_args_is_help=True
)

rules = typer.Typer(help="The rules of what is joined.", no_args_is_help=True)
app.add_typer(rules, name="rules")

NOT_POSSIBLE = 2
# The mode of a file that holds plain identifiers: its owner's alone.
PRIVATE = 0o600

Events = Annotated[
    Path,
    typer.Argument(help="JSON Lines, an event a line; .gz.", parser=named_file, metavar="EVENTS"),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]


@app.callback()
def main() -> None:
    """Say who is who in files of records and of events."""


@rules.callback()
def rules_main() -> None:
    """Try the rules of what is joined."""


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
    _refuse_one_file({"the file of records": file, "--out": out}, as_json)
    try:
        people = read_people(file)
        linked = link_people(people)
        _write_csv(out, ("unique_id", "cluster_id"), zip(people.ids, linked.groups, strict=True))
    except PeopleError as error:
        raise refusal(f"Nothing was linked: {error}", as_json) from None
    except OSError as error:
        raise refusal(f"{out} cannot be written: {error.strerror}", as_json) from None
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
        raise refusal(f"Nothing was measured: {error}", as_json) from None
    measured = compare(found, {record: group for record, group in true.items() if group})
    if not measured.true:
        raise refusal(
            f"There is nothing to measure: no two of the {measured.records} records that have a"
            f" {truth!r} in {file} have the same one",
            as_json,
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
    _refuse_one_file(files | ({"--shared": shared} if shared else {}), as_json)
    replayed = _replayed(events, as_json)
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
        raise refusal(f"{out} cannot be written: {error.strerror}", as_json) from None
    figures = {
        **assigned.figures(),
        "repeated_events": replayed.repeated,
        "rejects": len(replayed.rejects),
        "rejects_file": str(rejects) if replayed.rejects else None,
        "seconds": round(time.monotonic() - began, 1),
    }
    say(figures, as_json)


@rules.command("try")
def try_rules(
    file: Annotated[
        Path,
        typer.Argument(
            help="TOML: a table a kind, with what is to differ.", parser=named_file, metavar="FILE"
        ),
    ],
    events: Annotated[
        Path | None,
        typer.Option(
            help="JSON Lines, as for `identity replay`.", parser=named_file, metavar="EVENTS"
        ),
    ] = None,
    cloud: Annotated[
        Path | None, typer.Option(help="The service's TOML file: what its data bank has.")
    ] = None,
    tenant: Annotated[str, typer.Option(help="Whose, in the data bank.")] = "",
    as_json: Json = False,
) -> None:
    """Tell what other rules would join and split, of some events or in the data bank.

    Nothing is changed.
    """
    from cloud_sync.identity.replay import assign
    from cloud_sync.identity.trial import RulesError, compare, read_rules

    if (events is None) == (cloud is None) or bool(tenant) != (cloud is not None):
        raise refusal(
            "Nothing was tried: give --events FILE, or --cloud FILE and --tenant NAME", as_json
        )
    try:
        ladder = read_rules(file)
    except RulesError as error:
        raise refusal(f"Nothing was tried: {error}", as_json) from None
    rejects = 0
    if events is not None:
        replayed = _replayed(events, as_json)
        before, after = assign(replayed.events).shoppers, assign(replayed.events, ladder).shoppers
        rejects = len(replayed.rejects)
    else:
        before, after = _in_data_bank(cloud or Path(), tenant, ladder)
    trial = compare(before, after)
    say(
        {
            "would_join": trial.joins,
            "would_split": trial.splits,
            "largest_cluster": trial.largest,
            "largest_cluster_now": trial.largest_before,
            "rejects": rejects,
        },
        as_json,
    )


@app.command()
def rebuild(
    config: Annotated[Path, typer.Argument(help="The service's TOML file.")],
    tenant: Annotated[str, typer.Option(help="The brand or group.")],
    as_json: Json = False,
) -> None:
    """Look at the whole log of a tenant, and set right whoever is not who they should be.

    The service may run meanwhile.
    """
    from cloud_sync.shoppers.whole_graph import set_right
    from storebridge.commands.cloud import opened_as_it_is, read_config

    began = time.monotonic()
    with opened_as_it_is(read_config(config)) as database:
        wrong = set_right(database, tenant)
    say({"set_right": wrong, "seconds": round(time.monotonic() - began, 1)}, as_json)


def _in_data_bank(
    cloud: Path, tenant: str, ladder: Mapping[str, "KindRule"]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the shopper of each identifier that is linked, as it is and as a ladder has it."""
    from cloud_sync.identity.component import for_components
    from cloud_sync.shoppers.whole_graph import decided, read_pairs, shoppers_now
    from storebridge.commands.cloud import opened_as_it_is, read_config

    with (
        opened_as_it_is(read_config(cloud)) as database,
        database.shopper(tenant) as connection,
    ):
        pairs = read_pairs(connection, tenant)
        after = decided(connection, tenant, pairs, for_components(ladder))
        before = shoppers_now(connection, tenant, after)
    return before, {each: after[each] for each in before}


def say(figures: Mapping[str, object], as_json: bool) -> None:
    """Print figures as one JSON object, or one a line."""
    if as_json:
        typer.echo(json.dumps(figures, ensure_ascii=False))
        return
    for name, figure in figures.items():
        typer.echo(f"{name.replace('_', ' ')}: {figure}")


def refusal(reason: str, as_json: bool = False) -> typer.Exit:
    """Print why nothing was done, and return the exit that says so.

    Whoever asked for JSON finds it where the answer would have been.
    """
    typer.echo(json.dumps({"error": reason}) if as_json else reason, err=not as_json)
    return typer.Exit(NOT_POSSIBLE)


def _refuse_one_file(files: Mapping[str, Path], as_json: bool) -> None:
    """Refuse to write over the input, or one output over another, by whatever name or link."""
    names: dict[object, str] = {}
    for name, path in files.items():
        found: set[object] = {os.path.realpath(path)}
        with suppress(OSError):
            status = path.stat()
            found.add((status.st_dev, status.st_ino))
        for known in found & names.keys():
            raise refusal(
                f"Nothing was done: {names[known]} and {name} are the same file, {path};"
                " give each a name of its own",
                as_json,
            )
        names |= dict.fromkeys(found, name)


def _replayed(events: Path, as_json: bool) -> "Replay":
    from cloud_sync.identity.linkage.people import why_unread
    from cloud_sync.identity.replay import Replay

    replayed = Replay()
    try:
        with _opened(events) as lines:
            replayed.take(lines)
    except (OSError, EOFError, zlib.error) as error:
        raise refusal(f"{events} cannot be read: {why_unread(error)}", as_json) from None
    if replayed.rejects and not replayed.events:
        first = replayed.rejects[0]
        raise refusal(
            f"{events} holds no event: line {first.line} is none ({first.reason}), nor is another;"
            " expected is a JSON object a line",
            as_json,
        )
    return replayed


def write_lines(out: Path, rows: Iterable[Mapping[str, object]], *, mode: int = 0o666) -> None:
    """Write one JSON object a line, the file whole or not at all; `mode` says who may read it."""
    with _partial(out) as partial:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _opened(path: Path) -> IO[bytes]:
    """Open a file that may be packed with gzip."""
    file = path.open("rb")
    if file.peek(2)[:2] != b"\x1f\x8b":
        return file
    return cast("IO[bytes]", gzip.open(file))


def _write_csv(out: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a file whole or not at all."""
    with _partial(out) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


@contextmanager
def _partial(out: Path) -> Iterator[Path]:
    """Yield the name to write under; what was written whole then takes its own, else it is gone."""
    partial = out.with_name(f"{out.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        yield partial
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
