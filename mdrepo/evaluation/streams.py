"""Arrays written to disk batch by batch, so that activations never have to fit into memory."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HEADER = 128  # bytes that the head of a .npy file with up to some ten dimensions takes


class Stream:
    """A .npy file that grows; it is there under its name once it is whole.

    One with a `limit`, in bytes, is left out beyond it, and where anything else fails.
    """

    def __init__(self, path: Path, limit: int | None = None) -> None:
        self.path = path
        self.optional = limit is not None
        self.limit = limit
        self._file = path.with_suffix(".part").open("wb")
        self._file.write(bytes(_HEADER))
        self._shape: tuple[int, ...] | None = None
        self._rows = 0
        self._failed = False

    def write(self, batch: NDArray[Any], rows: int) -> None:
        """Append a batch of so many examples; raises ValueError for one that is of another kind, OSError for a full disk."""
        if self._failed:
            return
        try:
            if batch.dtype != np.float32 or not batch.ndim or len(batch) != rows or self._shape not in (None, batch.shape[1:]):
                raise ValueError(f"{rows} examples gave {batch.dtype} numbers of shape {batch.shape}")
            self._shape = batch.shape[1:]
            self._rows += rows
            self._file.write(np.ascontiguousarray(batch).data)
            self._failed = self.limit is not None and self._file.tell() > self.limit
        except (ValueError, OSError):
            if not self.optional:
                raise
            self._failed = True

    def leave(self) -> None:
        """Leave the file out."""
        self._failed = True

    def _head(self) -> bytes:
        shape = (self._rows, *(self._shape or ()))
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": shape})
        short = head.getvalue()
        if len(short) != _HEADER:
            raise ValueError(f"the head of an array of shape {shape} takes {len(short)} bytes")
        return short

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        part = Path(self._file.name)
        try:
            if kind is None and not self._failed and self._shape is not None:
                self._file.seek(0)
                self._file.write(self._head())
                self._file.close()
                part.replace(self.path)
        except (ValueError, OSError):
            if not self.optional:
                raise
        finally:
            with contextlib.suppress(OSError):
                self._file.close()
            part.unlink(missing_ok=True)
