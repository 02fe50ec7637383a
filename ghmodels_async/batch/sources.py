"""Where rows come from: JSON lines, CSV and TSV, Parquet, a pipe. Read lazily, one row at a time.

A source can be read again from the start (`rows()`), which is what makes a run resumable; a pipe cannot, so a run first
copies it into its directory.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Protocol, cast, runtime_checkable
from uuid import UUID

from ghmodels_async.errors import ConfigurationError

from .rows import RawRow

__all__ = ["JsonLines", "Parquet", "Pipe", "Source", "Table", "open_source"]

#: A CSV field may be a whole document; the csv module's own bound is 128 KiB.
csv.field_size_limit(2**31 - 1)


@runtime_checkable
class Source(Protocol):
    """Rows in a fixed order. `kind` names the format, `name` the file for people."""

    kind: str
    name: str

    def rows(self) -> Iterator[RawRow]:
        """Read from the start, lazily. Raises OSError, and ConfigurationError where the format needs an extra."""
        ...


class JsonLines:
    """One JSON object a line; blank lines are no rows. `.gz` is unpacked on the way."""

    kind = "jsonl"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name

    def rows(self) -> Iterator[RawRow]:
        with _readable(self.name), _binary(self.path) as file:
            yield from _json_rows(file)


class Pipe:
    """JSON lines from a stream that can be read once: `check` and `plan` need no more."""

    kind = "jsonl"

    def __init__(self, stream: IO[bytes], name: str = "standard input") -> None:
        self._stream = stream
        self.name = name

    def rows(self) -> Iterator[RawRow]:
        yield from _json_rows(self._stream)


class Table:
    """CSV or TSV with a header line; each row becomes an object of texts. Fields may span lines.

    A row with fewer cells than the header lacks those fields, so that a template that needs them says so. What a row
    has beyond the header is kept under the empty name, where `Recipe` finds it: a quote or a comma is astray.
    """

    def __init__(self, path: Path, *, delimiter: str) -> None:
        self.path = path
        self.name = path.name
        self.kind = "tsv" if delimiter == "\t" else "csv"
        self._delimiter = delimiter

    def rows(self) -> Iterator[RawRow]:
        with (
            _readable(self.name),
            _binary(self.path) as file,
            io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text,
        ):
            reader = csv.DictReader(text, delimiter=self._delimiter, restkey="", strict=True)
            if reader.fieldnames is None:  # reads the header, so that line numbers start behind it
                return
            ordinal, line = 0, reader.line_num + 1
            for record in _located(reader):
                beyond = record.pop("", None)
                cells = {name: value for name, value in record.items() if value is not None}
                if isinstance(beyond, list) and any(beyond):
                    cells[""] = beyond
                yield RawRow(ordinal, line, _encoded(cells))
                ordinal, line = ordinal + 1, reader.line_num + 1


class Parquet:
    """A Parquet file, read by DuckDB (extra ``[tables]``) some thousand rows at a time."""

    kind = "parquet"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name

    def rows(self) -> Iterator[RawRow]:
        try:
            import duckdb  # type: ignore[import-not-found,unused-ignore]  # an optional extra, and heavy
        except ImportError:
            raise ConfigurationError(
                "Reading Parquet needs DuckDB.",
                checked=f"input {self.name}",
                fix="pip install 'ghmodels-async[tables]'",
            ) from None
        with duckdb.connect() as connection:
            result = connection.execute("select * from read_parquet(?)", [str(self.path)])
            names = [column[0] for column in result.description]
            ordinal = 0
            while block := result.fetchmany(2048):
                for values in block:
                    yield RawRow(ordinal, ordinal + 1, _encoded(dict(zip(names, values, strict=True))))
                    ordinal += 1


def open_source(name: str | Path, *, stdin: IO[bytes] | None = None) -> Source:
    """The source for a path by its ending, or standard input for ``-``.

    Raises:
        ConfigurationError: There is no such file.
    """
    if str(name) == "-":
        return Pipe(stdin if stdin is not None else sys.stdin.buffer)
    path = Path(name)
    if not path.is_file():
        raise ConfigurationError(
            f"There is no input file {str(name)!r}.",
            checked=f"{path}: " + ("a directory" if path.is_dir() else "not found"),
            fix="Name a .jsonl, .csv, .tsv or .parquet file, or - for standard input.",
        )
    ending = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    if ending == "parquet":
        return Parquet(path)
    if ending in ("csv", "tsv"):
        return Table(path, delimiter="\t" if ending == "tsv" else ",")
    return JsonLines(path)


def encoded_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Rows given as mappings, as the JSON lines they are kept in."""
    for row in rows:
        yield _encoded(row) + b"\n"


def _json_rows(file: Iterable[bytes]) -> Iterator[RawRow]:
    ordinal = 0
    for line, data in enumerate(file, start=1):
        if line == 1:
            data = data.removeprefix(b"\xef\xbb\xbf")
        stripped = data.strip()
        if stripped:
            yield RawRow(ordinal, line, stripped)
            ordinal += 1


def _located(reader: csv.DictReader[str]) -> Iterator[dict[str, Any]]:
    try:
        yield from cast(Iterator[dict[str, Any]], reader)
    except csv.Error as error:
        raise csv.Error(f"after line {reader.line_num}: {error}") from None


@contextlib.contextmanager
def _readable(name: str) -> Iterator[None]:
    """What is wrong with a file as such, said for people.

    Raises:
        ConfigurationError: It is no UTF-8, no table, or not what its ending says.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        why, fix = (
            f"byte {error.object[error.start]:#04x} is no UTF-8",
            f"iconv -f latin1 -t utf-8 {name} > utf8-{name}",
        )
    except csv.Error as error:
        why, fix = f"it is no sound table: {error}", "Look for a quote that is not closed or stands alone."
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        why, fix = f"it cannot be unpacked: {error}", "Fetch it again, or rename it if it is not packed."
    else:
        return
    raise ConfigurationError(f"The input {name!r} cannot be read: {why}.", checked=f"input {name}", fix=fix) from None


def _binary(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb", buffering=1 << 18)


def _text(value: Any) -> str:
    """What tables hold and JSON does not. Anything else is the caller's mistake: its text would be nonsense."""
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID | timedelta):
        return str(value)
    raise TypeError(f"a row holds a {type(value).__name__}, which JSON cannot")


# json and not pydantic's encoder, which spells floats otherwise: a row's hash is made of these bytes
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_text).encode


def _encoded(record: Mapping[Any, Any]) -> bytes:
    return _json(record).encode()
