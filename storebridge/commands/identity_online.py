"""`storebridge identity index|match|explain`: one new record of a person at a time."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storebridge.commands.answers import NOT_POSSIBLE, refuse
from storebridge.commands.identity_files import Json, say

if TYPE_CHECKING:
    from cloud_sync.identity.linkage.online import Index, Match
    from cloud_sync.identity.linkage.people import People

# Chances are shown to so many digits.
DIGITS = 6
IndexFile = Annotated[Path, typer.Argument(help="The file that `identity index` wrote.")]


def join(app: typer.Typer) -> None:
    """Add the commands to those of `storebridge identity`."""
    for command in (index, match, explain):
        app.command()(command)


def index(
    file: Annotated[Path, typer.Argument(help="CSV with unique_id and names, dates, places; .gz.")],
    out: Annotated[Path, typer.Option("--out", help="The index to write; its owner's alone.")],
    as_json: Json = False,
) -> None:
    """Link a file of persons, and keep what says whose one more record is."""
    from cloud_sync.identity.linkage.index_file import save
    from cloud_sync.identity.linkage.online import Index
    from cloud_sync.identity.linkage.people import PeopleError, read_people

    began = time.monotonic()
    if file.exists() and out.exists() and file.samefile(out):
        raise refuse(f"Nothing was done: {file} and --out are the same file", NOT_POSSIBLE)
    try:
        people = read_people(file)
        built = Index.of(people)
        save(built, out)
    except PeopleError as error:
        raise refuse(f"No index was built of {file}: {error}", NOT_POSSIBLE) from None
    except OSError as error:
        raise refuse(f"{out} cannot be written: {error.strerror}", NOT_POSSIBLE) from None
    figures = {
        "records": len(built.ids),
        "clusters": len(set(built.groups)),
        "threshold": round(built.learned.threshold, DIGITS),
        "ignored_columns": list(people.ignored),
        "problems": dict(people.problems),
        "seconds": round(time.monotonic() - began, 1),
    }
    say(figures, as_json)


def match(
    index: IndexFile,
    records: Annotated[Path, typer.Argument(metavar="RECORD.csv|-", help="CSV; - reads stdin.")],
    accept: Annotated[
        bool, typer.Option(help="Add to the index what is exact, or matches nobody.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say whose each record is, or that it is nobody's, and how sure that is."""
    from cloud_sync.identity.linkage.people import PeopleError, read_people

    known = _opened(index)
    try:
        people = read_people(records)
    except PeopleError as error:
        raise refuse(f"Nothing was matched: {error}", NOT_POSSIBLE) from None
    found = []
    for at, record in enumerate(people.ids):
        values = {name: of[at] for name, (_, of) in people.columns.items()}
        person = known.person(record, values)
        began = time.perf_counter()
        matched = known.match(person)
        took_ms = (time.perf_counter() - began) * 1e3
        joined = accept and _accepted(known, person, matched, index)
        found.append(_row(matched) | {"accepted": joined, "milliseconds": round(took_ms, 2)})
    unknown = [name for name in people.columns if name not in known.learned.columns]
    if as_json:
        typer.echo(json.dumps({"matches": found, "columns_not_in_index": unknown}))
        return
    for each in found:
        whose = f"belongs to {each['cluster_id']}" if each["cluster_id"] else "is nobody's"
        sure = f"{each['confidence'] or 'no match'}, chance {each['chance']}"
        typer.echo(f"{each['unique_id']} {whose} ({sure})")


def explain(
    index: IndexFile,
    one: Annotated[str, typer.Argument(help="The unique_id of a record.")],
    other: Annotated[str, typer.Argument(help="The unique_id of another.")],
    as_json: Json = False,
) -> None:
    """Say what speaks for two records being of one person, comparison by comparison."""
    from cloud_sync.identity.linkage.people import PeopleError

    known = _opened(index)
    try:
        waterfall = known.explain(one, other)
    except PeopleError as error:
        raise refuse(f"Nothing was explained: {error}", NOT_POSSIBLE) from None
    if as_json:
        typer.echo(json.dumps(waterfall.as_json() | {"same_cluster": known.together(one, other)}))
        return
    typer.echo("\n".join(waterfall.lines()))
    typer.echo("joined" if known.together(one, other) else "not joined")


def _opened(path: Path) -> "Index":
    from cloud_sync.identity.linkage.index_file import load
    from cloud_sync.identity.linkage.people import PeopleError

    try:
        return load(path)
    except PeopleError as error:
        raise refuse(f"The index cannot be used: {error}", NOT_POSSIBLE) from None


def _accepted(known: "Index", person: "People", matched: "Match", path: Path) -> bool:
    """Add a record that needs nobody to look at it, to the index and to its file."""
    from cloud_sync.identity.linkage.confidence import needs_review
    from cloud_sync.identity.linkage.index_file import append
    from cloud_sync.identity.linkage.people import PeopleError

    if needs_review(matched.confidence) or matched.record in known.place:
        return False
    known.accept(person, matched.group, matched.chances)
    try:
        append(known, path)
    except PeopleError as error:
        raise refuse(f"{matched.record} was not accepted: {error}", NOT_POSSIBLE) from None
    except OSError as error:
        raise refuse(f"{path} cannot be written: {error.strerror}", NOT_POSSIBLE) from None
    return True


def _row(matched: "Match") -> dict[str, object]:
    from cloud_sync.identity.linkage.confidence import allows_personal_offers

    return {
        "unique_id": matched.record,
        "cluster_id": matched.group,
        "confidence": matched.confidence,
        "personal_offers": allows_personal_offers(matched.confidence),
        "chance": round(matched.chance, DIGITS),
        "runner_up": round(matched.runner_up, DIGITS),
        "nearest": matched.nearest,
        "compared": matched.compared,
    }
