"""Selects the rows of a control to read, and those whose texts are rendered, by masks over its batches."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from scanner.model.finding import Status

Numbers = Mapping[Status, int]
"""The number of findings of a control to read of each status: the first ones in filing order."""


Masks = Mapping[str | None, bytes]
"""By the `parameters` of rows without texts: "1" for each row of the control that has them, else "0"."""


class SelectedRows:
    """Rows of one control. `batches` may be iterated more than once; `numbers` None: all rows are read."""

    def __init__(self, batches: Iterable[pa.RecordBatch], numbers: Numbers | None = None) -> None:
        self._batches = batches
        # Which rows are the first is decided once, in filing order, over the small status column.
        self._selections = None if numbers is None else [*_selections(batches, numbers)]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the selected rows, in filing order."""
        for batch, selection in self._pairs():
            yield batch if selection is None else batch.filter(selection)

    def masks(self) -> Masks:
        """Return which rows need rendered texts, by the parameters they were evaluated with."""
        masks: dict[str | None, list[bytes]] = {}
        lengths: list[int] = []
        for batch, selection in self._pairs():
            needed = batch.column("reason").is_null()
            needed = needed if selection is None else pc.and_(needed, selection)
            of_batch = _by_parameters(batch.column("parameters"), needed)
            # Parameters first seen in a later batch: no row of the earlier batches has them.
            for parameters in of_batch.keys() - masks.keys():
                masks[parameters] = [b"0" * length for length in lengths]
            for parameters, parts in masks.items():
                parts.append(of_batch.get(parameters, b"0" * batch.num_rows))
            lengths.append(batch.num_rows)
        return {parameters: b"".join(parts) for parameters, parts in masks.items()}

    def _pairs(self) -> Iterator[tuple[pa.RecordBatch, pa.BooleanArray | None]]:
        if self._selections is None:
            return ((batch, None) for batch in self._batches)
        return zip(self._batches, self._selections, strict=True)


def _selections(batches: Iterable[pa.RecordBatch], numbers: Numbers) -> Iterator[pa.BooleanArray]:
    # A copy, since the numbers are counted down across batches.
    left = dict(numbers)
    for batch in batches:
        yield _selection(batch.column("status"), left)


def _selection(statuses: pa.StringArray, left: dict[Status, int]) -> pa.BooleanArray:
    """Select the first rows of each status, and subtract their number from `left`."""
    selection = pa.repeat(pa.scalar(value=False), len(statuses))
    for status, number in left.items():
        rows = pc.equal(statuses, status.value)
        # A running count selects the first `number` rows without a loop over them.
        counted = pc.cumulative_sum(rows.cast(pa.int64()))
        rows = pc.and_(rows, pc.less_equal(counted, number))
        left[status] = number - (pc.sum(rows).as_py() or 0)
        selection = pc.or_(selection, rows)
    return selection


def _by_parameters(parameters: pa.StringArray, needed: pa.BooleanArray) -> dict[str | None, bytes]:
    masks: dict[str | None, bytes] = {}
    distinct: Sequence[str | None] = parameters.filter(needed).unique().to_pylist()
    for value in distinct:
        # NULL parameters are a group of their own (the control's defaults), and NULL never equals anything.
        same = parameters.is_null() if value is None else pc.fill_null(pc.equal(parameters, value), False)  # noqa: FBT003 -- the value that fills
        masks[value] = _digits(pc.and_(needed, same))
    return masks


def _digits(mask: pa.BooleanArray) -> bytes:
    digits = pc.add(pc.cast(mask, pa.uint8()), pa.scalar(ord("0"), pa.uint8()))
    # A slice of the buffer, because an array may be a view into a larger one.
    return memoryview(digits.buffers()[1])[digits.offset : digits.offset + len(digits)].tobytes()
