"""Finds every reason that the program gives for being unwell: follows each to where it is written.

A reason may be a text, a constant, the fields of a formatted text, either side of a condition, what
a function here returns, or a parameter, which is followed to every call. One that comes from
elsewhere (a child process, a table made at run time) is listed by its module:
`DEVICE_REASONS = ("out-of-memory", …)`.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeGuard

LISTED = "DEVICE_REASONS"
ROOT = Path(__file__).parent.parent
# Parameters through which a device gives its reason, and where they stand among the positions.
DEVICES = {
    ("DeviceError", ""): 0,
    ("HealthReading", "reason"): None,
    ("_note", "reason"): 1,
    ("_Ending", "reason"): 0,
}
# By which arguments the agent's health is made.
TOLD = frozenset({"failures", "worries", "reasons"})
# Attributes that hold why a part of the agent fails.
FAILURES = frozenset({"failure"})


@dataclass(frozen=True, slots=True)
class Given:
    """A reason, its fields written as `…`, and where it is given."""

    text: str
    where: str


class Module:
    """One file as a tree."""

    def __init__(self, path: Path) -> None:
        self.name = str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name)
        self.tree = ast.parse(path.read_text(encoding="utf-8"))

    @cached_property
    def functions(self) -> list[ast.FunctionDef]:
        return [each for each in ast.walk(self.tree) if isinstance(each, ast.FunctionDef)]

    @cached_property
    def constants(self) -> dict[str, ast.expr]:
        pairs = (
            (target, node.value)
            for node in self.tree.body
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        )
        return {target.id: value for target, value in pairs if isinstance(target, ast.Name)}

    def function_of(self, node: ast.AST) -> ast.FunctionDef | None:
        """The innermost function around a node."""
        around = [each for each in self.functions if any(node is one for one in ast.walk(each))]
        return min(around, key=lambda each: len(list(ast.walk(each))), default=None)


class Search:
    """Follows reasons through the files of some folders."""

    def __init__(self, *folders: Path) -> None:
        paths = sorted(path for folder in folders for path in folder.rglob("*.py"))
        self.modules = [Module(path) for path in paths]
        self.unknown: list[str] = []
        self._sinks: dict[tuple[str, str], int | None] = {}

    def devices(self) -> list[Given]:
        """What drivers, and the agent for them, say of devices."""
        sinks = dict(DEVICES)
        for module in self.modules:
            for node in ast.walk(module.tree):
                if isinstance(node, ast.ClassDef) and any(
                    "DeviceError" in _end(b) for b in node.bases
                ):
                    sinks[node.name, ""] = 0
        return self._follow(sinks)

    def agent(self) -> list[Given]:
        """What the store's agent says of itself."""
        found: list[Given] = []
        for module in self.modules:
            for node in ast.walk(module.tree):
                if _is_told(module, node):
                    found += self._texts(module, node.value)
                elif isinstance(node, ast.Call) and _end(node.func) in {"Troubles", "Health"}:
                    told = (each for each in node.keywords if each.arg in TOLD)
                    found += [given for each in told for given in self._inside(module, each.value)]
        return [each for each in found if each.text]

    def _follow(self, sinks: dict[tuple[str, str], int | None]) -> list[Given]:
        found: list[Given] = []
        done: set[tuple[str, str]] = set()
        self._sinks = sinks
        while todo := [sink for sink in self._sinks if sink not in done]:
            for sink in todo:
                done.add(sink)
                for module in self.modules:
                    found += self._arguments(module, *sink, self._sinks[sink])
        listed = [
            given
            for module in self.modules
            if LISTED in module.constants
            for given in self._inside(module, module.constants[LISTED])
        ]
        return [each for each in dict.fromkeys(found + listed) if each.text]

    def _arguments(
        self, module: Module, callee: str, parameter: str, position: int | None
    ) -> Iterator[Given]:
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Call) or _end(node.func) != callee:
                continue
            named = [each.value for each in node.keywords if parameter and each.arg == parameter]
            if not named and position is not None and position < len(node.args):
                named = [node.args[position]]
            for value in named:
                yield from self._texts(module, value)

    def _inside(self, module: Module, node: ast.expr) -> list[Given]:
        """Every text within an expression, as of a tuple or generator."""
        if isinstance(node, ast.JoinedStr | ast.Constant | ast.Name):
            return self._texts(module, node) if not isinstance(node, ast.Name) else []
        parts = (each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr))
        return [given for part in parts for given in self._inside(module, part)]

    def _texts(self, module: Module, node: ast.expr) -> list[Given]:
        where = f"{module.name}:{node.lineno}"
        match node:
            case ast.Constant(value=text):
                return [Given(text, where)] if isinstance(text, str) else []
            case ast.JoinedStr(values=parts):
                text = "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts
                )
                return [Given(text, where)]
            case ast.IfExp(body=one, orelse=other):
                return [*self._texts(module, one), *self._texts(module, other)]
            case ast.BoolOp(values=parts):
                return [given for part in parts for given in self._texts(module, part)]
            case _:
                return self._passed_on(module, node, where)

    def _passed_on(self, module: Module, node: ast.expr, where: str) -> list[Given]:
        match node:
            case ast.Subscript(value=ast.Name(id=name)) if name in module.constants:
                return self._inside(module, module.constants[name])
            case ast.Call(func=ast.Name(id="str")):
                return []  # an error passed on: followed where it was made
            case ast.Call(func=called):
                return self._returned(module, _end(called), where)
            case ast.Attribute(attr=name) if name in {"reason", *FAILURES}:
                return []  # passed on: followed where it was set
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                return self._assigned(module, module.tree, f"self.{name}", where)
            case ast.Name(id=name):
                return self._named(module, node, name, where)
            case _:
                return self._lost(module, where)

    def _named(self, module: Module, node: ast.Name, name: str, where: str) -> list[Given]:
        function = module.function_of(node)
        if function is not None:
            arguments = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
            if name in {*arguments, *(each.arg for each in function.args.kwonlyargs)}:
                callee = function.name
                if arguments[:1] == ["self"]:
                    arguments = arguments[1:]
                place = arguments.index(name) if name in arguments else None
                self._sinks.setdefault((callee, name), place)
                return []
            if any(
                isinstance(each, ast.Assign) and name in _targets(each)
                for each in ast.walk(function)
            ):
                return self._assigned(module, function, name, where)
        if name in module.constants:
            return self._texts(module, module.constants[name])
        for other in self.modules:
            if name in other.constants:
                return self._texts(other, other.constants[name])
        return self._lost(module, where)

    def _assigned(self, module: Module, within: ast.AST, name: str, where: str) -> list[Given]:
        found: list[Given] = []
        for node in ast.walk(within):
            if not isinstance(node, ast.Assign) or name not in _targets(node):
                continue
            target = node.targets[0]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                at = [ast.unparse(each) for each in target.elts].index(name)
                found += self._texts(module, node.value.elts[at])
            elif isinstance(target, ast.Tuple):
                found += self._lost(module, where)
            else:
                found += self._texts(module, node.value)
        return found

    def _returned(self, module: Module, name: str, where: str) -> list[Given]:
        functions = [each for each in module.functions if each.name == name]
        returns = [
            node.value
            for function in functions
            for node in ast.walk(function)
            if isinstance(node, ast.Return) and node.value is not None
        ]
        if not returns:
            return self._lost(module, where)
        return [given for value in returns for given in self._texts(module, value)]

    def _lost(self, module: Module, where: str) -> list[Given]:
        if LISTED not in module.constants:
            self.unknown.append(where)
        return []


def _is_told(module: Module, node: ast.AST) -> TypeGuard[ast.Yield | ast.Assign]:
    """Whether a statement says why the agent is unwell, or why what it watches over failed."""
    match node:
        case ast.Yield(value=ast.expr()) if module.name.endswith("health.py"):
            return _returns(module.function_of(node)) == "Iterator[str]"
        case ast.Assign(targets=[ast.Attribute(attr=name)]):
            return name in FAILURES
        case _:
            return False


def _end(node: ast.expr) -> str:
    return ast.unparse(node).split(".")[-1]


def _returns(function: ast.FunctionDef | None) -> str:
    return "" if function is None or function.returns is None else ast.unparse(function.returns)


def _targets(node: ast.Assign) -> Sequence[str]:
    target = node.targets[0]
    return [
        ast.unparse(each) for each in (target.elts if isinstance(target, ast.Tuple) else [target])
    ]
