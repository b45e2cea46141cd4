"""YAML as plain text: mappings, lists and scalars that are all strings, each container with its line.

What a scalar means is for its reader to say (``1.10`` may be tile 1, core 10). The file is taken event by event, so
nothing is constructed from it: anchors, aliases, tags and merge keys are refused, depth, size and length are bounded.
"""

import re
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["List", "Map", "Reader"]

MAX_BYTES = 2**28
MAX_DEPTH = 32
MAX_NODES = 50_000_000
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,4})?")
RANGE = re.compile(r"(\d{1,9})\.\.(\d{1,9})")


class Map(dict[str, Any]):
    """A mapping and the line where it begins."""

    line = 0


class List(list[Any]):
    """A list and the line where it begins."""

    line = 0


class Reader:
    """One file, or one text (whatever has a line break is a text), and readings of its parts that name the line."""

    def __init__(self, source: str | Path, what: str) -> None:
        if not isinstance(source, str | Path):
            raise TypeError(f"{what} must be a path or a text, not {type(source).__name__}")
        self.name = what
        if isinstance(source, str) and "\n" in source:
            text = source
        else:
            self.name = Path(source).name
            try:
                size = Path(source).stat().st_size
                if size > MAX_BYTES:
                    raise ValueError(f"{self.name} must be at most {MAX_BYTES} bytes, it has {size}")
                text = Path(source).read_bytes().decode("utf-8")
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"{self.name} must be UTF-8 text: {error.reason} at byte {error.start}"
                ) from None
            except OSError as error:
                raise ValueError(
                    f"{what} must be a file that can be read, got {source!s:.200}: {error}"
                ) from None
        if len(text) > MAX_BYTES:
            raise ValueError(f"{self.name} must be at most {MAX_BYTES} characters, it has {len(text)}")
        self.root = self._tree(text)

    def fail(self, node: Any, rule: str) -> NoReturn:
        """Raise, with the line of ``node`` (a container, or a line number)."""
        line = node if isinstance(node, int) else getattr(node, "line", 0)
        raise ValueError(f"{self.name}{f' line {line}' if line else ''}: {rule}")

    def _tree(self, text: str) -> Map:
        try:
            import yaml
        except ImportError as error:
            raise ImportError("reading YAML needs PyYAML: pip install 'hdspike[sanafe]'") from error
        loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
        open_nodes: list[Map | List] = []
        keys: list[str | None] = []  # of each open mapping, the key that waits for its value
        root: Any = None
        nodes = 0
        ends = {yaml.MappingEndEvent, yaml.SequenceEndEvent}
        known = {yaml.ScalarEvent, yaml.AliasEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent} | ends
        try:
            for event in yaml.parse(text, Loader=loader):
                sort = type(event)
                if sort not in known:
                    if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                        self.fail(event.start_mark.line + 1, "there must be one document")
                    continue
                line = event.start_mark.line + 1
                if sort in ends:
                    open_nodes.pop()
                    keys.pop()
                    continue
                nodes += 1
                if event.anchor is not None or event.tag is not None:  # an alias has an anchor
                    self.fail(line, "anchors, aliases and tags are not read")
                if nodes > MAX_NODES or len(open_nodes) > MAX_DEPTH:
                    self.fail(line, f"at most {MAX_NODES} values and {MAX_DEPTH} levels are read")
                scalar = sort is yaml.ScalarEvent
                if scalar:
                    value: Any = event.value
                else:
                    value = Map() if sort is yaml.MappingStartEvent else List()
                    value.line = line
                if not open_nodes:
                    root = value
                elif isinstance(open_nodes[-1], List):
                    open_nodes[-1].append(value)
                elif keys[-1] is None:
                    if not isinstance(value, str):
                        self.fail(line, "keys must be plain text")
                    if value in open_nodes[-1]:
                        self.fail(line, f"keys must be distinct, {value[:40]!r} stands twice")
                    keys[-1] = value
                else:
                    open_nodes[-1][keys[-1]] = value
                    keys[-1] = None
                if not scalar:
                    open_nodes.append(value)
                    keys.append(None)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            problem = (
                getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be parsed"
            )
            self.fail(0 if mark is None else mark.line + 1, f"this is not YAML: {problem}")
        except (OverflowError, RecursionError, AttributeError, UnicodeError) as error:
            self.fail(0, f"this is not YAML: {error}")
        if not isinstance(root, Map):
            self.fail(1, "there must be a mapping at the top")
        return root

    def part(self, node: Map, key: str, kind: type[Any], *, line: int = 0) -> Any:
        """What stands under a key, of this kind."""
        if key not in node:
            self.fail(node if node.line else line, f"key {key!r} is missing")
        value = node[key]
        if not isinstance(value, kind):
            wanted = "a mapping" if kind is Map else "a list" if kind is List else "plain text"
            self.fail(getattr(value, "line", node.line), f"{key} must be {wanted}")
        return value

    def items(self, value: Any, what: str, line: int) -> list[tuple[str, Any]]:
        """Attributes: a mapping, or a list of mappings, in order."""
        if isinstance(value, Map):
            return list(value.items())
        if not isinstance(value, List) or not all(isinstance(one, Map) for one in value):
            self.fail(getattr(value, "line", line), f"{what} must be a mapping, or a list of mappings")
        return [pair for one in value for pair in one.items()]

    def number(self, value: Any, what: str, line: int, *, low: float = -1e300, high: float = 1e300) -> float:
        """A finite number in ``[low, high]``."""
        if not isinstance(value, str) or len(value) > 64 or not NUMBER.fullmatch(value):
            self.fail(getattr(value, "line", line), f"{what} must be a number, got {shown(value)}")
        number = float(value)
        if not low <= number <= high:
            self.fail(line, f"{what} must be in [{low:g}, {high:g}], got {value}")
        return number

    def whole(self, value: Any, what: str, line: int, *, low: int = 0, high: int = 2**31 - 1) -> int:
        """A whole number in ``[low, high]``."""
        if not isinstance(value, str) or not re.fullmatch(r"[-+]?[0-9]{1,18}", value):
            self.fail(getattr(value, "line", line), f"{what} must be a whole number, got {shown(value)}")
        if not low <= int(value) <= high:
            self.fail(line, f"{what} must be in [{low}, {high}], got {value}")
        return int(value)

    def flag(self, value: Any, what: str, line: int) -> bool:
        """true, false, 1 or 0."""
        if not isinstance(value, str) or value.lower() not in ("true", "false", "1", "0"):
            self.fail(getattr(value, "line", line), f"{what} must be true or false, got {shown(value)}")
        return value.lower() in ("true", "1")

    def ids(self, text: str, what: str, line: int, *, count: int) -> range:
        """``3`` or ``0..7`` (the last one included), at most ``count`` of them."""
        found = RANGE.fullmatch(text)
        first, last = (int(found[1]), int(found[2])) if found else (self.whole(text, what, line),) * 2
        if last < first:
            self.fail(line, f"{what} must rise, got {text}")
        if last - first >= count:
            self.fail(line, f"{what} must be at most {count}, got {text}")
        return range(first, last + 1)

    def names(self, text: str, line: int, *, count: int) -> list[str]:
        """``name[2..5]``: four names ``name[2]`` …; any other name: itself."""
        found = re.fullmatch(r"(.*)\[(.*\.\..*)\]", text, re.DOTALL)
        if not found:
            return [text]
        ids = self.ids(found[2], f"range of {found[1][:40]!r}", line, count=count)
        return [f"{found[1]}[{i}]" for i in ids]


def shown(value: Any) -> str:
    """A value in a message, shortened."""
    return repr(value[:40]) if isinstance(value, str) else "a mapping" if isinstance(value, Map) else "a list"
