"""Many methods on one pair over several seeds: one honest table, read from records or computed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import numbers
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from course_utils import adapters as strategies
from course_utils import tasks
from course_utils.adapters.base import Adapter
from course_utils.adapters.baselines import AdaBN, SourceOnly, TargetOnly
from course_utils.adapters.sums import Sum
from course_utils.data import augmentations, catalog, store
from course_utils.data.contents import content_hash
from course_utils.data.pair import DomainPair
from course_utils.data.pair import pair as pair_of
from course_utils.errors import refuse_misspelt
from course_utils.extract import extract
from course_utils.nets import Net, imagenet_net
from course_utils.provenance import code_hash
from course_utils.training import fit

RECORDS = Path(__file__).resolve().parents[1] / "results"
"""Records that are part of the course; what a learner computes goes to the data store instead."""


class MissingRecordsError(LookupError):
    """Raised for a table whose records are not in results/."""


@dataclass(frozen=True)
class Record:
    """One run as numbers: what the table and the lessons need, in a small JSON file."""

    pair: str
    adapter: str
    seed: int
    settings: dict[str, object]
    code: str
    data: list[str]
    steps: int
    history: dict[str, list[float]]
    exam: dict[str, dict[str, float]]
    target_accuracies: list[float]

    @property
    def method(self) -> str:
        """The strategy's name without its settings."""
        return self.adapter.split("(")[0] if not self.adapter.startswith("Sum(") else self.adapter

    @property
    def file_name(self) -> str:
        return record_name(self.pair, self.adapter, self.seed, self.settings)


@dataclass(frozen=True)
class Table:
    """The runs of several methods on one pair. Every method stands beside the two baselines and the oracle.

    A row is called by its method; where a table has one method under several settings, by the strategy's text.
    """

    pair: str
    records: tuple[Record, ...]

    def per_seed(self, rule: str = "last") -> pd.DataFrame:
        """Target test accuracy, one row a method, one column a seed. `rule`: last, selected or peeked."""
        if missing := [r.method for r in self.records if rule not in r.exam]:
            known = ", ".join(self.records[0].exam)
            raise ValueError(
                f"{missing[0]} has no epoch by the rule {rule!r}. Known: {known}; without snapshots, last."
            )
        rows = [(name, r.seed, r.exam[rule]["target"]) for name, r in self._named()]
        frame = pd.DataFrame(rows, columns=["method", "seed", "target"])
        order = list(dict.fromkeys(name for name, _ in self._named()))
        return frame.pivot_table("target", "method", "seed").loc[order]

    def summary(self, rule: str = "last") -> pd.DataFrame:
        """One row a method: source and target accuracy (mean), lowest and highest seed, gain, gap to the oracle."""
        target = self.per_seed(rule)
        rows = [(name, r.exam[rule]["source"]) for name, r in self._named()]
        source = pd.DataFrame(rows, columns=["method", "source"])
        mean = target.mean(axis=1)
        return pd.DataFrame(
            {
                "source": source.groupby("method")["source"].mean().loc[target.index],
                "target": mean,
                "lowest": target.min(axis=1),
                "highest": target.max(axis=1),
                "gain": mean - mean["SourceOnly"],
                "oracle gap": mean["TargetOnly"] - mean,
            }
        )

    def histories(self, seed: int = 0) -> dict[str, pd.DataFrame]:
        """Per-epoch history of each method for one seed."""
        return {name: pd.DataFrame(r.history) for name, r in self._named() if r.seed == seed}

    def _named(self) -> list[tuple[str, Record]]:
        texts = Counter(method for method, _ in {(r.method, r.adapter) for r in self.records})
        return [(r.method if texts[r.method] == 1 else r.adapter, r) for r in self.records]


@refuse_misspelt
def runs(
    adapters: Sequence[Adapter],
    pair: DomainPair,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    settings: dict[str, object] | None = None,
    jobs: int = 1,
    folder: Path | None = None,
) -> Table:
    """Fits every strategy for every seed, or reads the record of the same fit.

    SourceOnly, AdaBN and TargetOnly are always in the table. settings: options of `fit` for all of them alike.
    jobs: processes side by side. folder: where new records go; by default the data store. With a strategy, a
    schedule or a setting of your own all is fitted anew by each call: no record would tell that its code has changed.
    """
    if isinstance(adapters, Adapter) or isinstance(seeds, numbers.Number):
        raise TypeError("cu.runs takes several: cu.runs([cu.DAN(), cu.DANN()], pair, seeds=(0, 1, 2)).")
    if pair.target.shots is not None:
        raise ValueError(
            "A record does not say which labels were open: few_labels.shot_curve compares with few labels."
        )
    settings = settings or {}
    adapters = [SourceOnly(), AdaBN(), *(a for a in adapters if not isinstance(a, _BASELINES)), TargetOnly()]
    wanted = [(adapter, seed) for adapter in adapters for seed in seeds]
    data = data_of(pair)
    found = [read_record(a, pair.name, s, settings, data) if _can_be_kept(a, settings) else None for a, s in wanted]
    missing = [asked for asked, record in zip(wanted, found, strict=True) if record is None]
    made = iter(computed(missing, pair, settings, jobs, folder or own_records()))
    return Table(pair.name, tuple(record or next(made) for record in found))


_BASELINES = (SourceOnly, AdaBN, TargetOnly)


def computed(
    wanted: Sequence[tuple[Adapter, int]], pair: DomainPair, settings: dict[str, object], jobs: int, folder: Path
) -> list[Record]:
    """Fits each strategy with its seed, `jobs` at a time, and keeps each record in `folder` at once."""
    from joblib import Parallel, delayed

    data = data_of(pair) if wanted else []
    # The text is the parent's: a child would tell a function by an address of its own.
    fits = (delayed(_compute)(adapter, repr(adapter), pair, data, seed, settings, folder) for adapter, seed in wanted)
    return Parallel(n_jobs=max(1, min(jobs, len(wanted))))(fits)


def _compute(
    adapter: Adapter,
    text: str,
    pair: DomainPair,
    data: list[str],
    seed: int,
    settings: dict[str, object],
    folder: Path,
) -> Record:
    """Fits once and keeps the record at once, so that an interrupted table loses one fit and not all."""
    kept = _can_be_kept(adapter, settings)
    run = fit(adapter, pair, seed=seed, **settings)
    exam = run.exam()
    record = Record(
        pair=pair.name,
        adapter=text,
        seed=seed,
        settings=_plain(settings),
        code=fit_hash(adapter, _plain(settings)) if kept else "",
        data=data,
        steps=run.epoch * run.steps_per_epoch,
        history={name: [round(v, 5) for v in values] for name, values in run.history.to_dict("list").items()},
        exam={rule: {k: round(float(v), 5) for k, v in row.items()} for rule, row in exam.to_dict("index").items()},
        target_accuracies=[round(a, 5) for a in run.target_accuracies()],
    )
    if kept:
        write_record(record, folder)
    return record


def _can_be_kept(adapter: Adapter, settings: dict[str, object]) -> bool:
    """Whether a record tells all: of strategies and settings of the course alone."""
    return not _is_own([adapter, *settings.values()])


def _is_own(value: object) -> bool:
    """Whether this, or a part of it, runs code that the course does not hold. A net is told by its weights."""
    if value is None or isinstance(value, str | numbers.Number | Net):
        return False
    if isinstance(value, list | tuple):
        return any(map(_is_own, value))
    if not type(value).__module__.startswith("course_utils."):
        return True
    parts = dataclasses.fields(value) if dataclasses.is_dataclass(value) else []
    return any(_is_own(getattr(value, part.name)) for part in parts)


def fit_hash(adapter: Adapter, settings: dict[str, object]) -> str:
    """The code that a run of this strategy depends on. settings: as a record tells them."""
    parts = [part for part in adapter.modules() if isinstance(part, Adapter)]
    told = str(settings.get("augment")), str(settings.get("task"))
    return code_hash(fit, *(type(part) for part in parts), *_augmentations(told[0]), *_tasks(told[1]))


def _augmentations(told: str) -> list[type]:
    """The classes that an augmentation's text names: `Augment(...) + RandomConvolution(...)`."""
    named = re.findall(r"(\w+)\(", told) + ["Chain"] * (" + " in told)
    return [vars(augmentations)[name] for name in named if name in augmentations.__all__]


def _tasks(told: str) -> list[type]:
    """The classes that a task's text names: `Tasks(parts=(Boxes(), Masks()))`."""
    return [vars(tasks)[name] for name in re.findall(r"(\w+)\(", told) if name in tasks.__all__]


def data_hash(pair: str) -> list[str]:
    """What the catalog says of both sides' images, as hashes; nothing for domains that it does not hold.

    `pacs/photo@imagenet_net`, features, and `mnist-5k+fog`, corrupted images, are what they were made of.
    """
    names = [re.split("[@+]", name)[0] for name in pair.split(" -> ")]
    return [catalog.fingerprint(name) for name in names if name in catalog.DOMAINS]


def data_of(pair: DomainPair) -> list[str]:
    """`data_hash` of a pair that holds what the course's own of this name does; else hashes of what it holds."""
    contents, own = content_hash(pair), _own_pair(pair.name)
    return data_hash(pair.name) if own is not None and contents == content_hash(own) else contents


def _own_pair(name: str) -> DomainPair | None:
    """The course's pair of this name, of images or of features of the ImageNet network, where its images are here."""
    sides = [side.partition("@") for side in name.split(" -> ")]
    if any(
        base not in catalog.DOMAINS or not store.is_built(catalog.DOMAINS[base]) or maker not in ("", "imagenet_net")
        for base, _, maker in sides
    ):
        return None
    if name in catalog.PAIRS:
        return pair_of(name)
    domains = [store.domain(base) for base, _, _ in sides]
    if sides[0][2]:
        net = imagenet_net()
        domains = [extract(net, domain) for domain in domains]
    return pair_of(tuple(domains))


def adapter_of(description: str) -> Adapter:
    """The strategy that a record's text describes: `DAN(weight=1.0, ...)`."""
    return eval(description, {"__builtins__": {}}, vars(strategies) | {"Sum": Sum})


def _plain(settings: dict[str, object]) -> dict[str, object]:
    return {name: _told(value) for name, value in settings.items()}


def _told(value: object) -> int | float | str | None:
    if isinstance(value, Net):
        return f"{value.recipe.maker if value.recipe else 'by hand'} {value.sha256[:12]}"
    return value if isinstance(value, int | float | str | None) else repr(value)


def record_name(pair: str, adapter: str, seed: int, settings: dict[str, object]) -> str:
    """`<pair>/<method>-<hash of all settings>-seed<k>.json`"""
    key = hashlib.sha256(json.dumps([pair, adapter, settings], sort_keys=True).encode()).hexdigest()[:8]
    return f"{_folder(pair)}/{adapter.split('(')[0].lower()}-{key}-seed{seed}.json"


def _folder(pair: str) -> str:
    return pair.replace(" -> ", "--").replace("/", "-")


def record_path(pair: str, adapter: Adapter, seed: int, settings: dict[str, object]) -> Path:
    """Where the course keeps the record of this fit."""
    return RECORDS / record_name(pair, repr(adapter), seed, _plain(settings))


def own_records() -> Path:
    """The learner's own records, in the data store."""
    return store.root() / "results"


def read_record(adapter: Adapter, pair: str, seed: int, settings: dict[str, object], data: list[str]) -> Record | None:
    """The record of this very fit made with the present code and of these images, or None."""
    name = record_name(pair, repr(adapter), seed, _plain(settings))
    for path in (RECORDS / name, own_records() / name):
        if path.exists():
            record = load_record(path)
            if record.data == data and record.code == fit_hash(adapter, _plain(settings)):
                return record
    return None


def recorded(pair: str, naming: str = "") -> Table:
    """What the course has on record of a pair, whose images need not be here: every strategy with three seeds or more.

    naming: a word in the settings of `fit` that differed from its defaults, of several that hold it the fewest; without
        it, fits at the defaults.
    Raises MissingRecordsError where a baseline or the oracle has fewer, ValueError for a word that decides nothing.
    """
    folder = RECORDS / _folder(pair)
    records = [load_record(path) for path in sorted(folder.glob("*.json"))]
    records = [r for r in records if (naming in str(r.settings) if naming else not r.settings)]
    fewest = min((len(r.settings) for r in records), default=0)
    records = [r for r in records if len(r.settings) == fewest]
    if len(several := {str(r.settings) for r in records}) > 1:
        raise ValueError(f"{naming!r} names several settings of {folder.name}: {'; '.join(sorted(several))}. Be exact.")
    seeds = Counter(r.method for r in records)
    kept = tuple(r for r in records if seeds[r.method] >= 3)
    if missing := {of.__name__ for of in _BASELINES} - {r.method for r in kept}:
        asked = f" whose settings name {naming!r}" if naming else ""
        raise MissingRecordsError(
            f"results/{folder.name} has no three seeds{asked} of {', '.join(sorted(missing))}: "
            "`python3 course.py bench results last_blocks` makes its records."
        )
    order = {"SourceOnly": 0, "AdaBN": 1, "TargetOnly": 3}
    return Table(kept[0].pair, tuple(sorted(kept, key=lambda r: (order.get(r.method, 2), r.method, r.seed))))


def load_record(path: Path) -> Record:
    return Record(**json.loads(path.read_text(encoding="utf-8")))


def is_true(record: Record) -> bool:
    """Whether the present code and data would be those of this record."""
    return record.code == fit_hash(adapter_of(record.adapter), record.settings) and record.data == data_hash(
        record.pair
    )


def write_record(record: Record, folder: Path) -> Path:
    path = folder / record.file_name
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(dataclasses.asdict(record), indent=1) + "\n", encoding="utf-8")
    os.replace(partial, path)
    return path
