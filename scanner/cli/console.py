"""What commands print on standard output, with control and direction characters made visible.

Names of AWS resources, error messages of AWS, and paths of the command line can contain any character. None
may move the cursor, change colors, or turn the text around it. `logs` does the same for messages on stderr.
"""

import re
from collections.abc import Iterable
from typing import Final

import rich.console
import typer
from rich.segment import Segment

from scanner.report.wording import one_line, visible

# Controls that JSON allows in strings: DEL and C1, bidi controls, invisible characters, line separators.
_RAW: Final = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)


class Console(rich.console.Console):
    """A console whose texts have no control characters but those of rich itself."""

    def render(
        self, renderable: rich.console.RenderableType, options: rich.console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as rich does, and make control characters of texts visible."""
        for segment in super().render(renderable, options):
            # Control segments are rich's own (cursor, colors), and have to stay.
            text = segment.text if segment.control else visible(segment.text)
            yield segment if text == segment.text else Segment(text, segment.style)

    def on_broken_pipe(self) -> None:
        """Raise the BrokenPipeError again for `exits.guarded`: rich would exit with 1."""
        raise  # noqa: PLE0704 -- rich calls this in its except clause


def echo(text: str) -> None:
    """Print one line."""
    typer.echo(one_line(text))


def echo_lines(text: str) -> None:
    """Print a text of several lines."""
    typer.echo(visible(text))


def echo_json(document: str) -> None:
    """Print JSON."""
    typer.echo(plain_json(document))


def plain_json(text: str) -> str:
    """Return JSON in which control and direction characters are escaped; its values stay the same."""
    # Only outside of ASCII: JSON escapes the other control characters itself.
    return _RAW.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
