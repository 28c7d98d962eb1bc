"""Facts and controls to filed findings: judged a group of accounts at a time, and written account by account.

The statuses of all rows come first. Texts are made of the rows whose findings are neither passes nor not
applicable, and of those of which it is not known with which parameters they are asked.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import compress
from typing import Any, Final

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from scanner.evaluate.asking import LETTERS
from scanner.evaluate.database import Limits, opened
from scanner.evaluate.engine import Judge, Parameters, compiled_controls, in_effect, loaded_columns
from scanner.evaluate.groups import Group
from scanner.evaluate.owners import Owners, owner_columns
from scanner.evaluate.rows import both, is_one_of
from scanner.evaluate.tiers import Tiering
from scanner.evaluate.verdicts import UNCERTAIN, Verdicts
from scanner.evaluate.waivers import EXPIRED, Waivers
from scanner.findings.schema import FILED, WITHOUT_TEXTS
from scanner.findings.writing import FindingFiles, batch_of
from scanner.model.control import Compiled, Control
from scanner.model.finding import Finding, Status
