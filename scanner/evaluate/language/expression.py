"""What an expression of a control may say, checked on the parse tree, and the SQL that is run for it.

The tree is walked once. Whatever is not known to be harmless is refused with a reason; on the way the
columns and parameters are noted, and four things are rewritten: a parameter gets its type, `len(list)`
becomes the macro that keeps the third value, the body of a comprehension is NULL for a NULL row, and a
calculation or a cast whose result is no finite number is NULL. (A division by zero is NULL by a setting.)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from scanner.evaluate.language import grammar
from scanner.evaluate.language.grammar import (
    clash,
    is_date,
    is_finite,
    kind_of_cast,
    kind_of_literal,
    kind_of_result,
    kind_of_type,
    kind_of_value,
)
from scanner.evaluate.language.growth import MAX_PARTS, parts
from scanner.evaluate.language.tree import Node, cast, finite, guard, parse, to_sql
from scanner.evaluate.problem import Problem, RefusedError, suggestion

MAX_DEPTH: Final = 60
"""Nodes from the root of an expression to its deepest leaf."""

_COMPREHENSIONS: Final = frozenset({"list_apply", "list_transform"})
_ITERATIONS: Final = frozenset({*_COMPREHENSIONS, "list_filter"})


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression: its SQL, and what it reads of the row and of the parameters."""

    sql: str
    columns: frozenset[str]
    parameters: frozenset[str]
    parts: int = 1  # nodes, with all macros written out


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What an expression may name. `decides`: it is part of a verdict, so nothing may swallow a NULL."""

    schema: pa.Schema
    parameters: Mapping[str, Any]
    decides: bool = True


def check(text: str, vocabulary: Vocabulary) -> Expression:
    """Check one expression against a fact table. RefusedError carries everything that is wrong with it."""
    walk = _Walk(vocabulary)
    try:
        node = walk.visit(parse(text), _Place({}, 0, lists=not vocabulary.decides))
    except RecursionError as error:  # pragma: no cover -- the depth limit comes first
        raise RefusedError(Problem("the expression is nested too deeply", "write it simpler")) from error
    if walk.problems:
        raise RefusedError(*dict.fromkeys(walk.problems))
    size = parts(node)
    if size > MAX_PARTS:
        message = f"with its functions written out, the expression has more than {MAX_PARTS:,} parts"
        raise RefusedError(Problem(message, "nest any_of, all_of and the like less deeply"))
    return Expression(to_sql(node), frozenset(walk.columns), frozenset(walk.parameters), size)


def parameter_type(default: Any) -> str:  # noqa: ANN401 -- a parameter may be of any type
    """Return a parameter's SQL type by its default: numbers are DOUBLE, an empty list is of texts."""
    if isinstance(default, list | tuple):
        return f"{parameter_type(default[0]) if default else 'VARCHAR'}[]"
    if isinstance(default, bool):
        return "BOOLEAN"
    return "DOUBLE" if isinstance(default, int | float) else "VARCHAR"


@dataclass(frozen=True, slots=True)
class _Place:
    """The place of a node in the expression. `scope`: the variables of comprehensions and their types."""

    scope: Mapping[str, pa.DataType | None]
    depth: int
    lists: bool = False  # whether a list may stand here

    def within(self, *, lists: bool) -> "_Place":
        return _Place(self.scope, self.depth + 1, lists)

    def binding(self, variable: str, kind: pa.DataType | None, *, lists: bool) -> "_Place":
        return _Place({**self.scope, variable: kind}, self.depth + 1, lists)


@dataclass(slots=True)
class _Walk:
    vocabulary: Vocabulary
    problems: list[Problem] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)
    parameters: set[str] = field(default_factory=set)

    @property
    def lenient(self) -> bool:
        return not self.vocabulary.decides

    def complain(self, message: str, hint: str = "") -> None:
        self.problems.append(Problem(message, hint))

    def visit(self, node: Node, place: _Place) -> Node:
        """Check a node and all below it; return its replacement."""
        # Before Python's own recursion limit, so that the author gets a sentence.
        if place.depth > MAX_DEPTH:
            raise RefusedError(Problem(f"nested deeper than {MAX_DEPTH} levels", "write it simpler"))
        by_class = {
            "CONSTANT": self.constant,
            "COLUMN_REF": self.column,
            "PARAMETER": self.parameter,
            "FUNCTION": self.function,
            "CAST": self.casting,
        }
        visit = by_class.get(node["class"], self.children if self.allowed(node) else self.refuse)
        return visit(node, place)

    def allowed(self, node: Node) -> bool:
        kind = node["type"]
        return (
            kind in grammar.COMPARISONS
            or kind in grammar.CONNECTIVES
            or (self.lenient and (kind in grammar.REASON_OPERATORS or kind == "CASE_EXPR"))
        )

    def refuse(self, node: Node, _: _Place) -> Node:
        # Types first, since a class may be refused for a special reason.
        otherwise = (f"{node['type'].lower().replace('_', ' ')} is not part of the control language", "")
        by_class = grammar.REFUSED.get(node["class"], otherwise)
        self.complain(*grammar.REFUSED.get(node["type"], by_class))
        return node

    def children(self, node: Node, place: _Place) -> Node:
        self.compare_kinds(node, place)
        inner = place.within(lists=self.lenient)
        # In the order of the SQL, so mistakes are listed from left to right.
        for key in ("left", "right", "input", "lower", "upper", "else_expr"):
            if key in node:
                node[key] = self.visit(node[key], inner)
        node["children"] = [self.visit(child, inner) for child in node.get("children", ())]
        for check in node.get("case_checks", ()):
            check["when_expr"] = self.visit(check["when_expr"], inner)
            check["then_expr"] = self.visit(check["then_expr"], inner)
        return node

    def compare_kinds(self, node: Node, place: _Place) -> None:
        """Complain where a text is compared with a number, or a text is used as a condition."""
        # DuckDB would convert one side silently: '9' < 10 would compare as numbers, 'x' = 1 would fail at run
        # time.
        direct = [node[key] for key in ("left", "right", "input", "lower", "upper") if key in node]
        operands = (*direct, *node.get("children", ()))
        kinds = [self.kind(child, place) for child in operands]
        if node["type"] in grammar.COMPARISONS:
            message = clash(_with_dates(operands, kinds))
        elif node["type"] in grammar.CONNECTIVES:
            wrong = sorted(set(kinds) - {"", "boolean"})
            message = f"a {wrong[0]} is used as a condition" if wrong else ""
        else:
            message = ""
        if message:
            self.complain(message, "compare values of one kind; AND, OR and NOT take conditions")

    def kind(self, node: Node, place: _Place) -> str:
        match node["class"]:
            case "CONSTANT":
                return kind_of_literal(node["literal"]["kind"])
            case "COLUMN_REF":
                # A walker of its own: resolving here would note the column twice, with its complaint.
                return kind_of_type(_Walk(self.vocabulary).resolve(node["column_names"], place))
            case "PARAMETER":
                return kind_of_value(self.vocabulary.parameters.get(str(node["identifier"])))
            case "CAST":
                return kind_of_cast(_target(node))
            case "FUNCTION":
                arguments = [self.kind(argument["expression"], place) for argument in node["arguments"]]
                return kind_of_result(str(node["function_name"]).lower(), arguments)
        return ""

    def constant(self, node: Node, _: _Place) -> Node:
        # A number such as 1e999 becomes infinity, which is above every limit.
        if not self.lenient and not is_finite(node["literal"]):
            self.complain("the number is larger than any that can be represented", "write a smaller number")
        # A literal NULL in a verdict would make every row unknown.
        if node["literal"]["kind"] == "NULL_LITERAL" and not self.lenient:
            self.complain("NULL is what is not known, no value", "compare with the value that you mean")
        return node

    def column(self, node: Node, place: _Place) -> Node:
        kind = self.resolve(node["column_names"], place)
        if kind is not None and pa.types.is_nested(kind) and not place.lists:
            self.complain(*_nested(".".join(node["column_names"]), kind))
        return node

    def resolve(self, names: Sequence[str], place: _Place) -> pa.DataType | None:
        """Follow a dotted name to its type; None where it is not known (and complained of, if wrong)."""
        first, *rest = names
        kind = place.scope.get(first)
        if first not in place.scope:
            if first not in self.vocabulary.schema.names:
                columns = (*self.vocabulary.schema.names, *place.scope)
                self.complain(f"there is no column {first!r}", suggestion(first, columns))
                return None
            self.columns.add(first)
            kind = self.vocabulary.schema.field(first).type
        for name in rest:
            kind = self.member(kind, name, ".".join(names))
        return kind

    def member(self, kind: pa.DataType | None, name: str, path: str) -> pa.DataType | None:
        if kind is None:
            return None
        if not pa.types.is_struct(kind):
            hint = f"write [c.{name} for c in ...]" if pa.types.is_list(kind) else "it is a plain value"
            self.complain(f"{path}: there is no field {name!r}", hint)
            return None
        if kind.get_field_index(name) < 0:
            fields = [member.name for member in kind]
            self.complain(f"{path}: there is no field {name!r}", suggestion(name, fields))
            return None
        return kind.field(name).type

    def parameter(self, node: Node, place: _Place) -> Node:
        name = str(node["identifier"])
        if name not in self.vocabulary.parameters:
            hint = suggestion(name, self.vocabulary.parameters)
            self.complain(f"the parameter ${name} is not declared under `parameters`", hint)
            return node
        self.parameters.add(name)
        # DuckDB infers the type of a parameter from its value: an empty list has none.
        sql_type = parameter_type(self.vocabulary.parameters[name])
        if sql_type.endswith("[]") and not place.lists:
            self.complain(*_list_refusal(f"${name}"))
        return cast(node, sql_type)

    def casting(self, node: Node, place: _Place) -> Node:
        target = _target(node)
        # TRY_CAST turns a known text into NULL, so a wrong column would read as "not known".
        if node["try_cast"] and not self.lenient:
            self.complain("TRY_CAST makes something not known of a known value", "use CAST")
        # Types with parameters, such as DECIMAL(9, 2), have children.
        if target not in grammar.TYPES or node["type_expr"].get("children"):
            types = ", ".join(sorted(grammar.TYPES))
            self.complain(f"a cast to {target} is not part of the control language", f"casts go to {types}")
        node["child"] = self.visit(node["child"], place.within(lists=False))
        return node if self.lenient or target not in grammar.FINITE_TYPES else finite(node)

    def function(self, node: Node, place: _Place) -> Node:
        name = str(node["function_name"]).lower()
        if not self.plain(node) or not self.callable(node, name, place):
            return node
        if name in _ITERATIONS:
            return self.comprehension(node, place)
        if name == "list_value" and place.lists:
            self.arguments(node, place, frozenset())
            return node
        self.compare_arguments(node, name, place)
        self.arguments(node, place, self.list_positions(name))
        # DuckDB's len counts the NULL at the end of an incomplete list as a member.
        if name == "len":
            _rename(node, "known_length")
        return finite(node) if name in grammar.FINITE and not self.lenient else node

    def compare_arguments(self, node: Node, name: str, place: _Place) -> None:
        """Complain where a text is calculated with, or is looked for in a list of numbers.

        DuckDB would convert it, and 'nan' or 'infinity' would decide.
        """
        operands = [argument["expression"] for argument in node["arguments"]]
        if name in grammar.ARITHMETIC:
            wrong = sorted({self.kind(operand, place) for operand in operands} & {"text", "boolean"})
            if wrong:
                self.complain(
                    f"a {wrong[0]} is used where a number is expected", "cast it: CAST(... AS DOUBLE)"
                )
        elif name == "one_of" and len(operands) == 2:  # noqa: PLR2004 -- the value and the list
            value, members = operands
            if message := clash([self.kind(value, place), *self.member_kinds(members, place)]):
                self.complain(message, "compare values of one kind")

    def member_kinds(self, node: Node, place: _Place) -> list[str]:
        """Return the kinds of the members of a list, as far as they are plain to see."""
        match node["class"]:
            case "COLUMN_REF":
                kind = _Walk(self.vocabulary).resolve(node["column_names"], place)
                return [kind_of_type(kind.value_type)] if kind is not None and pa.types.is_list(kind) else []
            case "PARAMETER":
                default = self.vocabulary.parameters.get(str(node["identifier"]))
                return [kind_of_value(member) for member in default] if isinstance(default, tuple) else []
            case "FUNCTION" if node["function_name"] == "list_value":
                return [self.kind(argument["expression"], place) for argument in node["arguments"]]
        return []

    def plain(self, node: Node) -> bool:
        """Whether it is a plain call: nothing of an aggregate, no schema, no named argument."""
        extras = (
            node["filter"],
            node["distinct"],
            node["order_bys"]["orders"],
            node["export_state"],
            len(node["qualified_name"]["path"]) > 1,
        )
        named = any(argument["name"] for argument in node["arguments"])
        # struct_pack names its fields by arguments; no other allowed function does.
        if any(extras) or (named and node["function_name"] != "struct_pack"):
            self.complain(f"{node['function_name']}: only plain calls, function(value, ...), are allowed")
            return False
        return True

    def callable(self, node: Node, name: str, place: _Place) -> bool:
        if node["is_operator"] and (name in grammar.OPERATORS or name == "like_escape"):
            return True
        if name in (grammar.REASON_CALLABLE if self.lenient else grammar.CALLABLE):
            return self.no_list_in_contains(node, name, place)
        if place.lists and name in {*_COMPREHENSIONS, "list_value"}:
            return True
        why, instead = grammar.refusal(name)
        if not why:
            allowed = grammar.REASON_CALLABLE if self.lenient else grammar.CALLABLE
            why, instead = (
                f"the function {name} is not part of the control language",
                suggestion(name, allowed),
            )
        self.complain(why, instead)
        return False

    def no_list_in_contains(self, node: Node, name: str, place: _Place) -> bool:
        """`x IN list` is parsed as contains(list, x), which gives false when a member is not known."""
        if name != "contains" or self.lenient or not node["arguments"]:
            return True
        first = node["arguments"][0]["expression"]
        if not self.is_list(first, place):
            return True
        self.complain("IN over a list drops what is not known", "write one_of(value, list)")
        return False

    def is_list(self, node: Node, place: _Place) -> bool:
        # Only plain lists are recognised, since the parse tree has no types.
        match node["class"]:
            case "COLUMN_REF":
                kind = _Walk(self.vocabulary).resolve(node["column_names"], place)
                return kind is not None and pa.types.is_list(kind)
            case "PARAMETER":
                return isinstance(self.vocabulary.parameters.get(str(node["identifier"])), list | tuple)
            case "FUNCTION":
                return str(node["function_name"]) in {*_ITERATIONS, "list_value"}
        return False

    def list_positions(self, name: str) -> frozenset[int]:
        if name == "len":
            return frozenset({0})
        return grammar.LIST_MACROS.get(name) or grammar.REASON_LIST_MACROS.get(name) or frozenset()

    def arguments(self, node: Node, place: _Place, list_positions: frozenset[int]) -> None:
        for position, argument in enumerate(node["arguments"]):
            lists = self.lenient or position in list_positions
            argument["expression"] = self.visit(argument["expression"], place.within(lists=lists))

    def comprehension(self, node: Node, place: _Place) -> Node:
        """Check `[body for variable in source]`, which DuckDB parses as list_apply(source, lambda)."""
        functions = [argument["expression"] for argument in node["arguments"]]
        if len(functions) != 2 or functions[1]["class"] != "LAMBDA":  # noqa: PLR2004 -- source and body
            self.complain("a comprehension is [expression for variable in list]")
            return node
        source, body = functions
        variable = self.variable(body)
        if not variable:
            return node
        kind = self.member_type(source, place)
        before = len(self.problems)
        node["arguments"][0]["expression"] = self.visit(source, place.within(lists=True))
        if len(self.problems) > before:
            return node  # the mistakes of the list would be reported again for its body
        inner = self.visit(body["expr"], place.binding(variable, kind, lists=self.lenient))
        # A NULL member represents rows that were not read, so the body must not make a value of it.
        guarded = kind is not None and (pa.types.is_struct(kind) or not self.lenient)
        body["expr"] = guard(variable, inner) if guarded else inner
        return node

    def variable(self, body: Node) -> str:
        """Return the name of a lambda's only variable; empty: it was refused."""
        if body.get("syntax_type") != "LAMBDA_KEYWORD":
            self.complain("the arrow of a lambda is not read", "write [expression for variable in list]")
            return ""
        left = body["lhs"]
        if left["class"] != "COLUMN_REF" or len(left["column_names"]) != 1:
            self.complain("a comprehension has one variable", "leave the index out")
            return ""
        name = str(left["column_names"][0])
        if name in self.vocabulary.schema.names:
            self.complain(f"the variable {name!r} hides the column of that name", "choose another letter")
            return ""
        return name

    def member_type(self, source: Node, place: _Place) -> pa.DataType | None:
        """Return the type of the members of a list that is a column or a field of one."""
        if source["class"] != "COLUMN_REF":
            return self.filtered_type(source, place)
        kind = _Walk(self.vocabulary).resolve(source["column_names"], place)
        if kind is None:
            return None
        if not pa.types.is_list(kind):
            self.complain(f"{'.'.join(source['column_names'])} is no list", "comprehensions go over lists")
            return None
        return kind.value_type

    def filtered_type(self, source: Node, place: _Place) -> pa.DataType | None:
        """In texts, a filtered list has the members of the list that is filtered."""
        if source["class"] == "FUNCTION" and source["function_name"] in {"list_filter", "list_distinct"}:
            return self.member_type(source["arguments"][0]["expression"], place)
        return None


def _target(node: Node) -> str:
    """Return the name of the type of a cast."""
    return str(node["type_expr"].get("type_name", "")).upper()


def _with_dates(operands: Sequence[Node], kinds: Sequence[str]) -> Iterable[str]:
    """Return the kinds of what is compared; besides a date, a text like '2026-12-31' is one, too."""
    # DuckDB compares a DATE with such a text as dates.
    dated = "date" in kinds
    return (
        "date" if dated and operand["class"] == "CONSTANT" and is_date(operand["literal"]) else kind
        for operand, kind in zip(operands, kinds, strict=True)
    )


def _rename(node: Node, name: str) -> None:
    # The parse tree has the name twice.
    node["function_name"] = name
    node["qualified_name"]["path"] = [name]


def _nested(path: str, kind: pa.DataType) -> tuple[str, str]:
    if pa.types.is_list(kind):
        return _list_refusal(path)
    return f"{path} is not one value", f"name a field of it: {', '.join(member.name for member in kind)}"


def _list_refusal(path: str) -> tuple[str, str]:
    hint = "read it through any_of, all_of, count_of, min_of, max_of, len or one_of"
    return f"{path} is a list, and this place takes one value", hint
