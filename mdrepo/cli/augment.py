"""mdrepo augment."""

from __future__ import annotations

import click

from ..reporting import data
from . import output
from .shared import json_option, paths, repository, settings


@click.command()
@click.argument("document", metavar="MODEL-DOC")
@click.option("--dataset", metavar="DATASET-DOC", help="The data to augment, and not the model's training data.")
@click.option("--name", metavar="NAME", help="What the new data set is called; without it, the old name with -augmented.")
@json_option
def command(document: str, dataset: str | None, name: str | None) -> None:
    """Make further training pictures by the policy in a model's document (training.augmentation), as a data set of its own.

    It has the pictures as they are and those that Keras' layers made of them, a document that says what it was made of, and is
    recorded with DVC. The same data, policy and TensorFlow give the same bytes.
    """
    repo = repository()
    source = None if dataset is None else paths(repo, [dataset])[0]
    found = repo.augment(paths(repo, [document])[0], source, name, output.reporter(settings().quiet, settings().verbose))
    if settings().json:
        output.answer(data.answer("augment", **data.augmented(found)))
        return
    output.show([[f"made {found.target} of {found.source}: {found.examples:,} examples in {found.data}"]])
    if not settings().quiet:
        output.hint(f"'mdrepo set {document}#/training/dataset' --text {found.target} trains on it; 'mdrepo commit' keeps it")
