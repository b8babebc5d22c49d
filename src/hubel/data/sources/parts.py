"""Words for the parts of a data set, as folders, columns, splits and arrays are called, in a dozen languages."""

from __future__ import annotations

import re
from unicodedata import normalize

PARTS = ("train", "validation", "test")
# without accents, as `words_of` gives them
_WORDS = {
    "train": (
        "train training trainings trn trainval learn learning entrenamiento entrenar entrainement apprentissage treino "
        "treinamento addestramento allenamento trening opleiding traning обучение обучающая тренировка тренировочная "
        "训练 训练集 訓練 訓練集 학습 훈련 egitim"
    ),
    "validation": (
        "val vld valid vali validation validate dev devel development eval evaluation holdout heldout validierung "
        "validacion validacao validazione validatie walidacja validering evaluierung evaluacion avaliacao valutazione "
        "валидация валидационная 验证 验证集 驗證 検証 검증 dogrulama"
    ),
    "test": (
        "test testing tst tests teste testes prueba pruebas essai essais prufung pruefung prova proba "
        "тест тестовая 测试 测试集 測試 テスト 테스트 시험"
    ),
}
_PART = {word: part for part, words in _WORDS.items() for word in words.split()}
# what may stand beside a part's word without making another thing of it
_SILENT = (
    "set sets data dataset datasets image images img imgs pic pics picture pictures photo photos file files folder dir "
    "split splits part parts partition subset sample samples example examples jpg jpeg png tif resized cropped crops "
    "raw final new clean all small full only fold no the of for my shard shards batch batches x y public private "
    "daten bilder bild menge datos imagenes imagen conjunto donnees jeu dados imagens dati immagini 数据 图片 "
    "データ 画像"
)
_AROUND = frozenset(_SILENT.split())
_NO_EXAMPLES = (
    "pred preds predict prediction predictions unlabelled unlabeled unlabel unlab unsorted unsup unsupervised extra "
    "extras misc raw original originals backup annotations labels masks meta metadata docs output outputs results"
)
_ASIDE = frozenset(_NO_EXAMPLES.split())


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, in small letters and without accents: "TrainImages_2" is train, images, 2; so is
    "trainimages_2".
    """
    plain = normalize("NFC", re.sub("[\u0300-\u036f]", "", normalize("NFKD", name)))
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain)
    words = re.findall(r"[^\W\d_]+|\d+", apart.casefold())
    return tuple(piece for word in words for piece in _pieces(word))


def part_of(name: str) -> str | None:
    """Which part a name means, "train", "validation" or "test", by a word of it beside words that say nothing else
    ("images_train", "Test set", "trainset2"); None where it means none.
    """
    part, rest = part_and_rest(name)
    return part if not rest else None


def part_and_rest(name: str) -> tuple[str | None, tuple[str, ...]]:
    """The part that a word of the name means, and the words that may mean something else: ("test", ("seg",)) of
    "seg_test"; (None, all) where there is no such word, or words of two parts.
    """
    words = words_of(re.sub(r"(?i)(?<![^\W_])(hold|held)[\W_]out", r"\1out", name))
    found = {_PART[word] for word in words if word in _PART}
    if len(found) != 1:
        return None, words
    return found.pop(), tuple(word for word in words if word not in _PART and not _says_nothing(word))


def is_aside(name: str) -> bool:
    """Whether a folder is called as those are that hold no examples: "unlabelled", "extra", "predictions"."""
    return any(word in _ASIDE for word in words_of(name))


def _pieces(word: str) -> tuple[str, ...]:
    """A word, or its two halves where one is a part's word and the other says nothing: "trainset", "imagestrain"."""
    if word in _PART:
        return (word,)
    for cut in range(1, len(word)):
        first, second = word[:cut], word[cut:]
        if (first in _PART and second in _AROUND) or (first in _AROUND and second in _PART):
            return first, second
    return (word,)


def _says_nothing(word: str) -> bool:
    return word in _AROUND or word.isdecimal()
