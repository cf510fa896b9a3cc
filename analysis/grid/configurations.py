"""Configurations in words: which hyperparameters vary among some optimizers, and whether a choice lies at their edge."""

import re
from collections.abc import Collection, Mapping, Sequence

from mtlray.analysis.grid.places import Place
from mtlray.words.values import shortest

Setting = tuple[str, float]  # an optimizer's label, such as `sgd(momentum=0.9,weight_decay=0.001)`, and a learning rate

_ZERO = ("weight_decay", "momentum")  # whose default, which labels leave out, is 0


def parts(setting: Setting) -> dict[str, str]:
    """Each hyperparameter of a setting and its value as text; one at its default is not in the label, and absent."""
    optimizer, rate = setting
    key, _, inside = optimizer.partition("(")
    named = dict(re.findall(r"(\w+)=([^,()]+)", inside))
    return {"optimizer": key, "lr": shortest(rate), **named}


def words(setting: Setting, others: Sequence[Setting], shown: Collection[str] = ()) -> str:
    """The setting by its learning rate and the hyperparameters in which some settings differ, as `lr 0.1, momentum 0.9`.

    Those that are `shown` elsewhere are left out.
    """
    own, varying = parts(setting), _varying(others)
    if "optimizer" in varying:
        # Hyperparameters of different optimizers do not compare one by one, so the label has them all.
        return f"lr {setting[0]} {own['lr']}"
    return ", ".join(f"{name} {_value(own, name)}" for name in dict.fromkeys(("lr", *varying)) if name not in shown)


def edges(chosen: Setting, tried: Sequence[Setting]) -> list[str]:
    """The numbers of the chosen setting that are the smallest or the largest of those tried, as `lr 1, the largest of 3`."""
    own, found = parts(chosen), []
    tried = [setting for setting in tried if parts(setting)["optimizer"] == own["optimizer"]]
    for name in _varying(tried):
        try:
            values = sorted({float(_value(parts(setting), name)) for setting in tried})
            value = float(_value(own, name))
        except ValueError:  # a name has no edge
            continue
        if value in (values[0], values[-1]):
            end = "smallest" if value == values[0] else "largest"
            found.append(f"{name} {shortest(value)}, the {end} of {len(values)}")
    return found


def labels(chosen: Mapping[tuple[str, str, Place], Setting], shown: Collection[str] = ()) -> dict[tuple[str, str], str]:
    """The chosen settings of each row in words, where the rows of its data set differ; by fraction where these differ.

    Hyperparameters that are `shown` anyway are left out.
    """
    found: dict[tuple[str, str], str] = {}
    for dataset in dict.fromkeys(key[0] for key in chosen):
        here = {key[1:]: setting for key, setting in chosen.items() if key[0] == dataset}
        every = list(dict.fromkeys(here.values()))
        if len(every) < 2 or set(_varying(every)) <= set(shown):
            continue
        for strategy in dict.fromkeys(strategy for strategy, _ in here):
            own = [here[key] for key in sorted(here, key=lambda key: -key[1].fraction) if key[0] == strategy]
            said = [words(setting, every, shown) for setting in own]
            if len(set(said)) > 1:
                said = [said[0], *(text.removeprefix("lr ") for text in said[1:])]
                found[dataset, strategy] = "/".join(said)
            else:
                found[dataset, strategy] = said[0]
    return found


def _varying(settings: Sequence[Setting]) -> list[str]:
    """The hyperparameters in which some settings differ."""
    every = [parts(setting) for setting in settings]
    names = dict.fromkeys(name for own in every for name in own)
    return [name for name in names if len({_value(own, name) for own in every}) > 1]


def _value(own: Mapping[str, str], name: str) -> str:
    return own.get(name, "0" if name in _ZERO else "default")
