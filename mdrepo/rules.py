"""What `validate` finds, rule by rule: what each means, why it matters, and how it is put right."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import UsageError
from .guessing import meant


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of problem: its id, what is wrong, why that matters, what to do."""

    id: str
    wrong: str
    why: str
    remedy: str


_ALL = (
    Rule(
        "json/syntax",
        "The file is not strict JSON: a duplicate key, NaN, a comma too many, bytes that are not UTF-8, a byte-order mark.",
        "Other programs would read something else in it, or nothing: of two equal keys most take the last, some the first.",
        "Put the place right that line and column name; 'mdrepo edit PATH' opens it.",
    ),
    Rule(
        "document/conflict",
        "A merge left both sides in the file, between git's marks.",
        "Nobody has decided yet which of them holds.",
        "'mdrepo status' shows the values; mdrepo resolve 'PATH#POINTER' --ours, --theirs, --base or --value JSON decides.",
    ),
    Rule(
        "document/schema",
        "The document names no schema, one that is not here, or one that is broken.",
        "Without it nobody knows what the fields mean.",
        "Name a built-in one ('urn:mdrepo:model:1'), put the schema into schemas/, or bind it to a pattern in mdrepo.toml.",
    ),
    Rule(
        "document/unreadable",
        "The document cannot be read: it is no regular file, or lies behind a symbolic link.",
        "What a link leads to may lie outside the repository.",
        "Put the file itself there.",
    ),
    Rule(
        "lock/unreadable",
        "The lock file beside the document is not one that this mdrepo knows.",
        "It says what was derived, so that what people wrote can be told from it.",
        "Restore it: git checkout HEAD -- PATH.lock; or delete it and run 'mdrepo patch --apply', which asks where both differ.",
    ),
    Rule(
        "schema/*",
        "A field is not what the schema says: the word behind the slash is JSON Schema's own (type, required, enum, pattern ...).",
        "Programs that read the document count on it.",
        "The message says what was expected, and the nearest allowed value.",
    ),
    Rule(
        "reference/missing",
        "The document refers to another one that is not here.",
        "What is evaluated, and what is derived from it, cannot be known.",
        "Put the path right, or make the document: 'mdrepo new dataset NAME'.",
    ),
    Rule(
        "artefact/path",
        "The path of an artefact leads out of the repository.",
        "Another clone does not have what lies there.",
        "Move the file into the repository, 'dvc add' it, and name it from the repository's root.",
    ),
    Rule(
        "artefact/untracked",
        "DVC does not track the artefact that the document names.",
        "Nobody else can get it, and nobody can tell whether it is still the same.",
        "Run 'dvc add PATH', or put the path right: where another artefact has its bytes, that is named.",
    ),
    Rule(
        "artefact/digest",
        "The document's digest of an artefact is not the one that DVC records.",
        "The metadata speak of other bytes than those that would be loaded.",
        "Run 'mdrepo patch --apply', which reads the artefact anew.",
    ),
    Rule(
        "derived/stale",
        "Derived fields were read off a file that is not what it was. Only reviews show it so; 'mdrepo status' names the fields.",
        "The document speaks of another file than the one that would be loaded.",
        "Run 'mdrepo patch --apply', which reads the file anew and keeps what people wrote.",
    ),
    Rule(
        "evaluation/worse",
        "The model is worse than the version that it is compared with, or the two cannot be compared. Only reviews show it so.",
        "Whoever calls the model gets more wrong answers than before.",
        "Put the change right; or say why it must be: 'mdrepo commit --allow-regression REASON'.",
    ),
    Rule(
        "merge/duplicate-item",
        "A list has an item twice that its key, or all sides of a merge, say is one.",
        "A text merge keeps both where each branch added one; readers take one of them, nobody knows which.",
        "Keep one, with what is right of both.",
    ),
    Rule(
        "labels/name",
        "Two labels have one name.",
        "An answer could mean either, and the metrics of both are wrong.",
        "Give each its own name.",
    ),
    Rule(
        "labels/index",
        "Two labels stand for one output of the model.",
        "One of them can never be the answer.",
        "Give each the index of its own output; 'mdrepo patch' knows the classes of the data.",
    ),
    Rule(
        "labels/outputs",
        "There are more labels than outputs, or fewer, or one for an output that the model does not have.",
        "Answers would get a wrong name, or none.",
        "Run 'mdrepo patch', or put the label map right.",
    ),
    Rule(
        "labels/classes",
        "The test data have a class that no label stands for.",
        "Its examples cannot be answered right, whatever the model says.",
        "Add the label, or rename it as the data call it; 'mdrepo patch' proposes it.",
    ),
    Rule(
        "decision/threshold",
        "There is a threshold for something that is no label.",
        "It is never applied, and the label that it was meant for is decided without one.",
        "Name a label.",
    ),
    Rule(
        "preprocessing/shape",
        "A 'reshape' asks for another number of values than an example of the test data has.",
        "The model cannot be given the data.",
        "Put the shape right; it is that of one example, without the batch.",
    ),
    Rule(
        "preprocessing/input",
        "What comes out of the preprocessing has not the shape that the model takes.",
        "The model cannot be given the data, or broadcasts them into nonsense: channels first instead of last, grey for colour.",
        "Add or change a 'reshape', or name the data that the model was made for.",
    ),
    Rule(
        "preprocessing/channels",
        "A mean or a standard deviation has neither one number nor one for each channel.",
        "It is not clear which channel each is for.",
        "Give one number for each channel, in the data's order, or one for all.",
    ),
    Rule(
        "preprocessing/scale",
        "A mean lies outside of the data's values, or many deviations from their own mean, or a deviation is wider than all of "
        "them, or a thousand times narrower.",
        "It was computed on another scale, such as 0 to 1 for data from 0 to 255: the model sees what it was never trained on.",
        "Add the 'rescale' that was there in training, or bring mean and std to the scale of the data.",
    ),
    Rule(
        "data/target",
        "The target is no array or column of the data.",
        "There is no right answer to evaluate by, and no classes are counted.",
        "Name one of those that 'arrays' or 'columns' list.",
    ),
    Rule(
        "data/inputs",
        "An input is no array or column of the data.",
        "The model cannot be given the data.",
        "Name those that 'arrays' or 'columns' list.",
    ),
    Rule(
        "data/examples",
        "The arrays of the inputs and the target have different numbers of examples.",
        "Which answer belongs to which example cannot be known.",
        "Make the arrays as long as each other, one row an example, or name others.",
    ),
    Rule(
        "metrics/copied",
        "A metric that somebody copied into the document differs from what was measured.",
        "Readers believe the document, and results belong to commits, where they cannot grow old.",
        "Take it away; 'mdrepo log' and 'mdrepo show' tell each commit's.",
    ),
    Rule(
        "metrics/stale",
        "The model or the test data have changed since a metric was measured that somebody copied into the document.",
        "It speaks of something that is not there any more.",
        "Take it away; 'mdrepo commit' measures it anew.",
    ),
)

RULES = {rule.id: rule for rule in _ALL}


def rule(name: str) -> Rule:
    """The rule of an id, as a problem shows it; raises UsageError for another name, with the nearest."""
    found = RULES.get(name) or (RULES["schema/*"] if name.startswith("schema/") else None)
    if found is None:
        raise UsageError(f"there is no rule {name!r}", meant(name, RULES, "'mdrepo explain' lists the rules"))
    return found
