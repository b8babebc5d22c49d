"""What the heads of a table's columns mean, by their words."""

from __future__ import annotations

from hubel.data.sources.parts import words_of

_IMAGES = (
    "path paths file files filename filenames filepath fname fn image images img imgs imagepath imgpath imagefile "
    "imagename imgname imageid imgid picture photo pic frame src source bild bilder datei fichier imagen archivo imagem"
)
_LABELS = (
    "label labels class classes classname labelname category categories target targets y species breed tag tags "
    "diagnosis dx kind type name cls classid labelid klasse klassen classe clase etikett etiquette etiqueta"
)
_SEVERAL = "labels classes categories targets tags attributes findings keywords objects genres"
_MEASURES = (
    "age ages price prices cost costs income salary count counts score scores rating ratings weight height width "
    "length size area volume depth year years month months day days hour hours minute minutes second seconds percent "
    "temperature temp distance angle degrees speed value values amount quantity number bmi calories votes likes views "
    "steps rank percentage ratio mean median alter preis gewicht edad precio peso poids prix idade"
)
_IMAGE_WORDS, _LABEL_WORDS, _PLURALS, _MEASURED = (
    frozenset(words.split()) for words in (_IMAGES, _LABELS, _SEVERAL, _MEASURES)
)


def names_images(head: str) -> bool:
    """Whether a column is headed as those of images are: "file_name", "Image Index", "path"."""
    return _means(head, _IMAGE_WORDS)


def names_labels(head: str) -> bool:
    """Whether a column is headed as those of labels are: "species", "Class Name", "y"."""
    return _means(head, _LABEL_WORDS)


def names_several(head: str) -> bool:
    """Whether a column is headed as those of several labels are: "tags", "Finding Labels"."""
    return words_of(head)[-1:] != () and words_of(head)[-1] in _PLURALS


def names_numbers(head: str) -> bool:
    """Whether a column is headed as those of measured numbers are: "age", "price in EUR"."""
    return _means(head, _MEASURED)


def _means(head: str, words: frozenset[str]) -> bool:
    own = words_of(head)
    return bool(own) and ("".join(own) in words or any(word in words for word in own))
